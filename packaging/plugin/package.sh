#!/bin/sh
# package.sh FOLDER PLATFORM=PROGRAM…: packs the Helm 4 plugin with these programs as FOLDER/jobsweep-VERSION.tgz, and prints that
# path. A platform is linux-amd64, linux-arm64, darwin-amd64, darwin-arm64 or windows-amd64.
set -eu
folder=$1
shift
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

plugin=$work/jobsweep
mkdir -p "$plugin/packaging/plugin"
cp "$root/plugin.yaml" "$root/LICENSE" "$root/README.md" "$plugin/"
cp "$root/packaging/plugin/install.sh" "$plugin/packaging/plugin/"
for program; do
    platform=${program%%=*}
    case $platform in
    # Windows has no shell, so no install hook chooses the program.
    windows-amd64) place=jobsweep.exe ;;
    *) place=$platform/jobsweep ;;
    esac
    install -D -m 755 -- "${program#*=}" "$plugin/bin/$place"
done

archive=$folder/jobsweep-$(sed -n 's/^version: *//p' "$root/plugin.yaml").tgz
"$root/packaging/pack.sh" "$plugin" "$archive"
echo "$archive"

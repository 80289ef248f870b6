#!/bin/sh
# package.sh FOLDER PLATFORM=PROGRAM…: packs the two Helm 4 plugins with these programs, as FOLDER/jobsweep-VERSION.tgz (the
# post-renderer) and FOLDER/sweep-VERSION.tgz (`helm sweep`), and prints these paths. A platform is linux-amd64, linux-arm64,
# darwin-amd64, darwin-arm64 or windows-amd64.
set -eu
folder=$1
shift
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
version=$(sed -n 's/^version: *//p' "$root/plugin.yaml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program; do
    platform=${program%%=*}
    case $platform in
    # Windows has no shell, so no install hook chooses the program.
    windows-amd64) place=jobsweep.exe ;;
    *) place=$platform/jobsweep ;;
    esac
    install -D -m 755 -- "${program#*=}" "$work/bin/$place"
done

# pack NAME MANIFEST
pack() {
    mkdir -p "$work/$1/packaging/plugin"
    cp "$root/$2" "$root/LICENSE" "$root/README.md" "$work/$1/"
    cp "$root/packaging/plugin/install.sh" "$work/$1/packaging/plugin/"
    # They are large, and packed one plugin after the other.
    mv "$work/bin" "$work/$1/"
    "$root/packaging/pack.sh" "$work/$1" "$folder/$1-$version.tgz"
    mv "$work/$1/bin" "$work/"
    echo "$folder/$1-$version.tgz"
}
pack jobsweep plugin.yaml
pack sweep packaging/helm4/plugin.yaml

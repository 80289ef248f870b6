#!/bin/sh
# archives.sh FOLDER PLATFORM=PROGRAM…: packs each program as FOLDER/jobsweep-VERSION-PLATFORM.tar.gz, and writes FOLDER/sweep-jobs.yaml,
# the manifest by which krew installs them as `kubectl sweep-jobs`.
set -eu
folder=$1
shift
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=$(sed -n 's/^version: *//p' "$root/plugin.yaml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$root/packaging/krew/sweep-jobs.yaml" "$work/"
for program; do
    platform=${program%%=*}
    name=jobsweep-$version-$platform
    case $platform in windows-*) file=jobsweep.exe ;; *) file=jobsweep ;; esac
    install -D -m 755 -- "${program#*=}" "$work/$name/$file"
    cp -R "$root/README.md" "$root/CHANGELOG.md" "$root/LICENSE" "$root/packaging/helm3" "$work/$name/"
    "$root/packaging/pack.sh" "$work/$name" "$folder/$name.tar.gz"

    sum=$(sha256sum <"$folder/$name.tar.gz")
    sed -e "s/@FOLDER@/$name/" -e "s/@PROGRAM@/$file/" -e "s/@SHA256@/${sum%% *}/" \
        -e "s/@OS@/${platform%-*}/" -e "s/@ARCH@/${platform#*-}/" "$root/packaging/krew/platform.yaml" >>"$work/sweep-jobs.yaml"
done
sed "s/@VERSION@/$version/" "$work/sweep-jobs.yaml" >"$folder/sweep-jobs.yaml"

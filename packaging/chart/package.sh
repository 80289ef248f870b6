#!/bin/sh
# package.sh FOLDER FINGERPRINT: packs the chart as FOLDER/jobsweep-VERSION.tgz, and prints that path. Its metadata tells Artifact Hub the
# fingerprint of the key that will sign it.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$root/charts/jobsweep" "$work/"
chart=$work/jobsweep/Chart.yaml
version=$(sed -n 's/^version: *//p' "$chart")
# The annotations end the file.
cat >>"$chart" <<END
  artifacthub.io/signKey: |
    fingerprint: $2
    url: https://github.com/jobsweep/jobsweep/releases/download/v$version/jobsweep-plugin-key.asc
END
"$root/packaging/pack.sh" "$work/jobsweep" "$1/jobsweep-$version.tgz"
echo "$1/jobsweep-$version.tgz"

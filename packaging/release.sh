#!/bin/sh
# release.sh PLATFORM=PROGRAM…: writes the files of a release to target/release-artifacts: an archive of each program, krew's manifest,
# the Helm 4 plugins with all programs, the SBOM, and the checksums. For this machine alone:
#   packaging/release.sh "linux-amd64=$(packaging/program.sh)"
# A platform is linux-amd64, linux-arm64, darwin-amd64, darwin-arm64 or windows-amd64. The same programs give the same bytes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=$(sed -n 's/^version: *//p' "$root/plugin.yaml")
artifacts=${CARGO_TARGET_DIR:-$root/target}/release-artifacts
rm -rf -- "$artifacts"
mkdir -p -- "$artifacts"

"$root/packaging/archives.sh" "$artifacts" "$@"
"$root/packaging/plugin/package.sh" "$artifacts" "$@"

# Built once and kept beside the other tools.
tool=${CARGO_TARGET_DIR:-$root/target}/tools/cargo-cyclonedx
[ -x "$tool/bin/cargo-cyclonedx" ] || cargo install --locked --quiet --root "$tool" cargo-cyclonedx@0.5.9
cd "$root"
SOURCE_DATE_EPOCH=0 "$tool/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --describe binaries \
    --target all --no-build-deps
# Remove the path of this folder from the SBOM.
sed "s|path+file://$root|path+file:///jobsweep|g" jobsweep_bin.cdx.json >"$artifacts/jobsweep-$version.cdx.json"
rm jobsweep_bin.cdx.json

cd "$artifacts"
sha256sum -- * >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" .

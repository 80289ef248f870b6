#!/bin/sh
# build.sh ARCHIVE [ARCHITECTURE PROGRAM]: builds the image, writes it to a file for `docker load`, `podman load` or
# `ctr images import`, and prints its name, which is the one in the manifests. Without a program, such as `arm64 some/jobsweep`, the
# script builds this checkout for this machine, which must be Linux. It needs buildah, podman or docker, and downloads only crates.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
archive=${1:?usage: build.sh ARCHIVE [ARCHITECTURE PROGRAM]}
if [ $# -gt 1 ]; then
    platform=linux/$2 program=$3
else
    [ "$(uname -s)" = Linux ] || { echo "build.sh: a program built here is none for Linux: name one" >&2; exit 1; }
    platform=linux/$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
    program=$("$root/packaging/program.sh")
fi
image=$(sed -n 's/^ *image: "\(.*\)"$/\1/p' "$root/examples/cleanup-job.yaml")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -- "$work/context"
install -m 755 -- "$program" "$work/context/jobsweep"
rm -f -- "$archive"
build() {
    "$@" --quiet --platform "$platform" --file "$root/packaging/Dockerfile" --tag "$image" "$work/context" >&2
}

if command -v buildah >/dev/null; then
    # The storage is temporary. Without a timestamp the same program gives the same bytes.
    storage() { buildah --storage-driver vfs --root "$work/root" --runroot "$work/run" "$@"; }
    build storage bud --isolation chroot --timestamp 0
    storage push --quiet "$image" "docker-archive:$archive:$image" >&2
else
    engine=docker
    ! command -v podman >/dev/null || engine=podman
    build "$engine" build
    "$engine" save --output "$archive" "$image"
fi
echo "$image"

#!/bin/sh
# build.sh ARCHIVE: builds the image from this checkout into a file that `docker load`, `podman load` and `ctr images import`
# take. It has the name that the manifests ask for. Nothing is downloaded but crates.
set -eu
archive=$(realpath -m -- "${1:?usage: build.sh ARCHIVE}")
cd "$(dirname "$0")/../.."
image=$(sed -n 's/^ *image: "\(.*\)"$/\1/p' examples/cleanup-job.yaml)

program=$(packaging/program.sh)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/context"
cp "$program" "$work/context/"
rm -f -- "$archive"

if command -v buildah >/dev/null; then
    # Its storage is here and goes with the script; no time gets into the image, so that the same program gives the same bytes.
    storage() { command buildah --storage-driver vfs --root "$work/root" --runroot "$work/run" "$@"; }
    storage bud --quiet --isolation chroot --timestamp 0 --file packaging/Dockerfile --tag "$image" "$work/context" >&2
    storage push --quiet "$image" "docker-archive:$archive:$image" >&2
else
    for engine in podman docker; do
        command -v "$engine" >/dev/null && break
    done
    "$engine" build --quiet --file packaging/Dockerfile --tag "$image" "$work/context" >&2
    "$engine" save --output "$archive" "$image"
fi
echo "$image"

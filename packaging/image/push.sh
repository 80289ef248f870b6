#!/bin/sh
# push.sh REPOSITORY ARCHIVE… [-- BUILDAH OPTION…]: pushes images of build.sh for several architectures as REPOSITORY:VERSION, and
# prints the digest. It needs buildah.
set -eu
repository=$1
shift
version=$(sed -n 's/^ *image: ".*:\(.*\)"$/\1/p' "$(dirname "$0")/../../examples/cleanup-job.yaml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
storage() { buildah --storage-driver vfs --root "$work/root" --runroot "$work/run" "$@"; }

storage manifest create all >&2
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    storage manifest add all "docker-archive:$1" >&2
    shift
done
[ $# -eq 0 ] || shift
storage manifest push --all --quiet --format oci --digestfile "$work/digest" "$@" all "docker://$repository:$version" >&2
cat "$work/digest"

#!/bin/sh
# push.sh REPOSITORY ARCHIVE [ORAS OPTION…]: pushes a signed plugin where `helm plugin install oci://REPOSITORY:VERSION` finds it.
# Helm asks for the last part of the repository to be the plugin's name, knows the files by their titles, and takes only what
# has the media type of an image's layer: oras's own choice.
set -eu
repository=$1 archive=$(basename -- "$2") folder=$(dirname -- "$2")
shift 2
version=${archive#jobsweep-}
# A registry takes no + in a tag; Helm looks for an underscore instead.
tag=$(printf %s "${version%.tgz}" | tr + _)
cd "$folder"
oras push "$@" --artifact-type application/vnd.helm.plugin.v1+json "$repository:$tag" \
    "$archive:application/vnd.oci.image.layer.v1.tar+gzip" "$archive.prov"

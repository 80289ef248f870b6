#!/bin/sh
# push.sh REPOSITORY ARCHIVE [ORAS OPTION…]: pushes a signed plugin for `helm plugin install oci://REPOSITORY/NAME:VERSION`.
# Helm requires that the last part of the repository is the plugin's name. It finds the files by their titles, and accepts only the
# media type of image layers, which is the default of oras.
set -eu
repository=$1 archive=$(basename -- "$2") folder=$(dirname -- "$2")
shift 2
name=${archive%%-[0-9]*}
version=${archive#"$name"-}
# A tag must not contain a +. Helm replaces it with an underscore.
tag=$(printf %s "${version%.tgz}" | tr + _)
cd "$folder"
oras push "$@" --artifact-type application/vnd.helm.plugin.v1+json "$repository/$name:$tag" \
    "$archive:application/vnd.oci.image.layer.v1.tar+gzip" "$archive.prov"

#!/bin/sh
# push.sh REPOSITORY ARCHIVE [OPTION…]: pushes a signed chart for `helm install … oci://REPOSITORY/jobsweep`, and beside it what Artifact Hub
# reads about the repository. The options are those that helm and oras share, such as --plain-http.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
repository=$1 archive=$2
shift 2
[ -s "$archive.prov" ] || { echo "push.sh: $archive is not signed" >&2; exit 1; }
helm push "$archive" "oci://$repository" "$@"
cd "$root"
oras push "$@" --no-tty --config /dev/null:application/vnd.cncf.artifacthub.config.v1+yaml "$repository/jobsweep:artifacthub.io" \
    artifacthub-repo.yml:application/vnd.cncf.artifacthub.repository-metadata.layer.v1.yaml

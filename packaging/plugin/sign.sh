#!/bin/sh
# sign.sh ARCHIVE [GPG OPTION…]: signs a packed plugin, so that `helm plugin install` verifies it; writes ARCHIVE.prov.
# The key is GnuPG's default one, or --local-user. It is what `helm plugin package --sign` writes, but any key will do: Helm
# itself reads only those of old GnuPGs.
set -eu
archive=$1
shift
{
    tar --extract --gzip --to-stdout --file "$archive" jobsweep/plugin.yaml
    sum=$(sha256sum <"$archive")
    printf '\n...\nfiles:\n  %s: sha256:%s\n' "$(basename -- "$archive")" "${sum%% *}"
} | gpg --batch --yes "$@" --digest-algo SHA512 --output "$archive.prov" --clearsign

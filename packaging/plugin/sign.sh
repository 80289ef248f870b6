#!/bin/sh
# sign.sh ARCHIVE [GPG OPTION…]: signs a packed plugin, so that `helm plugin install` verifies it; writes ARCHIVE.prov.
# The key is GnuPG's default one, or --local-user. It is what `helm plugin package --sign` writes, but any key will do: Helm
# itself reads only those of old GnuPGs.
set -eu
archive=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The whole message before any of it is signed.
tar --extract --gzip --to-stdout --force-local --file "$archive" jobsweep/plugin.yaml >"$work/message"
sum=$(sha256sum <"$archive")
printf '\n...\nfiles:\n  %s: sha256:%s\n' "$(basename -- "$archive")" "${sum%% *}" >>"$work/message"

gpg --batch "$@" --digest-algo SHA512 --output "$work/signed" --clearsign "$work/message"
gpg --batch "$@" --verify "$work/signed"
mv -f -- "$work/signed" "$archive.prov"

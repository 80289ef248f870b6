#!/bin/sh
# sign.sh ARCHIVE [GPG OPTION…]: signs a packed plugin or chart, so that Helm can verify it, and writes ARCHIVE.prov.
# The key is GnuPG's default key, or that of --local-user. The file is the same as that of `helm package --sign`, which can
# read only keys of old versions of GnuPG.
set -eu
archive=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

manifest=$(tar --list --gzip --force-local --file "$archive" | grep -E '^[^/]+/(plugin|Chart)\.yaml$')
# Write the whole message before signing it.
tar --extract --gzip --to-stdout --force-local --file "$archive" "$manifest" >"$work/message"
sum=$(sha256sum <"$archive")
printf '\n...\nfiles:\n  %s: sha256:%s\n' "$(basename -- "$archive")" "${sum%% *}" >>"$work/message"

gpg --batch "$@" --digest-algo SHA512 --output "$work/signed" --clearsign "$work/message"
gpg --batch "$@" --verify "$work/signed"
mv -f -- "$work/signed" "$archive.prov"

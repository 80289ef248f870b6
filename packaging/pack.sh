#!/bin/sh
# pack.sh FOLDER ARCHIVE: packs a folder as .tar.gz. The same files always give the same bytes.
set -eu
# A single command, because a pipe would hide an error of tar.
tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --use-compress-program='gzip -n' --force-local --file "$2" \
    --directory "$(dirname -- "$1")" -- "$(basename -- "$1")"

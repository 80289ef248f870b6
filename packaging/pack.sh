#!/bin/sh
# pack.sh FOLDER ARCHIVE: packs a folder, under its own name, as .tar.gz. The same files give the same bytes, whenever and
# by whomever they are packed.
set -eu
# One command and not a pipe, so that its status is that of both programs.
tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --use-compress-program='gzip -n' --force-local --file "$2" \
    --directory "$(dirname -- "$1")" -- "$(basename -- "$1")"

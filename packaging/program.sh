#!/bin/sh
# program.sh [TARGET]: builds the program as it is released for a Rust target (this machine's unless told), and prints its path.
# It needs no library of the machine that it will run on, and its bytes do not depend on the folder that it is built in.
set -eu
cd "$(dirname "$0")/.."

target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
case $target in *-windows-*) program=jobsweep.exe ;; *) program=jobsweep ;; esac

# This variable, unlike RUSTFLAGS, may have blanks in it: its separator is the byte 31.
unit=$(printf '\037')
flags="--remap-path-prefix=$PWD=/jobsweep$unit--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
# Everywhere but on a Mac it can be linked statically, also with glibc. On Linux it is not made movable either, as the programs of
# Go are not: moving 22,000 addresses at every start takes as long as the start of the process itself.
case $target in *-apple-*) ;; *) flags="$flags$unit-Ctarget-feature=+crt-static" ;; esac
case $target in *-linux-*) flags="$flags$unit-Crelocation-model=static" ;; esac

CARGO_ENCODED_RUSTFLAGS=$flags cargo build --quiet --release --locked --bin jobsweep --target "$target" >&2
echo "${CARGO_TARGET_DIR:-$PWD/target}/$target/release/$program"

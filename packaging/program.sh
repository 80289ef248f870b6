#!/bin/sh
# program.sh [TARGET]: builds the released form of the program for a Rust target (by default this machine's), and prints its path.
# The program needs no libraries, and its bytes do not depend on the build folder.
set -eu
cd "$(dirname "$0")/.."

target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
case $target in *-windows-*) program=jobsweep.exe ;; *) program=jobsweep ;; esac

# CARGO_ENCODED_RUSTFLAGS, unlike RUSTFLAGS, allows blanks. Its separator is the byte 31.
unit=$(printf '\037')
flags="--remap-path-prefix=$PWD=/jobsweep$unit--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
# Link statically, also with glibc, except on a Mac.
case $target in *-apple-*) ;; *) flags="$flags$unit-Ctarget-feature=+crt-static" ;; esac

CARGO_ENCODED_RUSTFLAGS=$flags cargo build --quiet --release --locked --bin jobsweep --target "$target" >&2
echo "${CARGO_TARGET_DIR:-$PWD/target}/$target/release/$program"

#!/bin/sh
# Puts the program into the plugin's bin/. Helm 4 runs this script after `helm plugin install` and `helm plugin update`.
# The script downloads nothing. It uses the program in bin/, or a packed one, or builds this source, or copies the one on PATH.
set -u

# Helm passes a link. Messages are clearer with the real folder.
plugin=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
program=$plugin/bin/jobsweep
version=$(sed -n 's/^version: *//p' "$plugin/plugin.yaml")

say() {
    printf 'jobsweep: %s\n' "$*" >&2
}

is_this_version() {
    [ -x "$1" ] && [ "$("$1" --version 2>/dev/null)" = "jobsweep $version" ]
}

already_there() {
    is_this_version "$program" && say "using $program, which is there already"
}

# A released plugin has programs for several platforms. Keep only the one for this platform.
packed() {
    case $(uname -sm) in
    'Linux x86_64') platform=linux-amd64 ;;
    'Linux aarch64') platform=linux-arm64 ;;
    'Darwin x86_64') platform=darwin-amd64 ;;
    'Darwin arm64') platform=darwin-arm64 ;;
    *) return 1 ;;
    esac
    is_this_version "$plugin/bin/$platform/jobsweep" &&
        mv -f -- "$plugin/bin/$platform/jobsweep" "$program" && rm -rf -- "$plugin"/bin/*-*/ "$program.exe" &&
        say "using $program, which was packed for $platform"
}

build() {
    [ -f "$plugin/Cargo.toml" ] || { why_not_built='this folder has no source (Cargo.toml) to build it from'; return 1; }
    command -v cargo >/dev/null 2>&1 || { why_not_built='cargo, to build it with, is not on PATH'; return 1; }
    say "building $program with cargo; this takes some minutes"
    # An explicit target folder overrides the user's CARGO_TARGET_DIR.
    cargo install --quiet --locked --force --no-track --path "$plugin" --root "$plugin" --target-dir "$plugin/target" &&
        is_this_version "$program" && say "built $program" && return
    why_not_built='cargo could not build it, see above'
    return 1
}

from_path() {
    found=$(command -v jobsweep) || { why_not_found='there is none on PATH'; return 1; }
    if ! is_this_version "$found"; then
        why_not_found="$found is not version $version"
        return 1
    fi
    # Copy and rename, because a running program cannot be overwritten.
    mkdir -p "$plugin/bin" && cp -- "$found" "$program.new" && mv -f -- "$program.new" "$program" &&
        say "took $program from $found" && return
    why_not_found="$found could not be copied to $program"
    return 1
}

already_there || packed || build || from_path && exit 0

say "the program is missing: $program"
cat >&2 <<HELP
  It was not built, because $why_not_built.
  It was not copied, because $why_not_found.
Do one of these, and then run: sh '$plugin/packaging/plugin/install.sh'
  - install Rust (https://rustup.rs), so that cargo builds it from a checkout;
  - put jobsweep $version on PATH;
  - put jobsweep $version at $program
HELP
exit 1

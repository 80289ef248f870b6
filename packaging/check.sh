#!/bin/sh
# check.sh PLATFORM…: checks that target/release-artifacts is a complete release for these platforms. The program for this machine
# must run. Programs for Linux must need no library.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=$(sed -n 's/^version: *//p' "$root/plugin.yaml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "${CARGO_TARGET_DIR:-$root/target}/release-artifacts"

fail() {
    echo "check.sh: $*" >&2
    exit 1
}

sha256sum --check --strict --quiet SHA256SUMS
for file in *; do
    [ "$file" = SHA256SUMS ] || grep -q "  $file\$" SHA256SUMS || fail "$file has no checksum"
done

this=$(uname -sm | sed 's/Linux x86_64/linux-amd64/; s/Linux aarch64/linux-arm64/')
for plugin in jobsweep sweep; do tar -xzf "$plugin-$version.tgz" -C "$work"; done
for platform; do
    name=jobsweep-$version-$platform
    tar -xzf "$name.tar.gz" -C "$work"
    case $platform in
    windows-*) program=$work/$name/jobsweep.exe packed=jobsweep.exe ;;
    *) program=$work/$name/jobsweep packed=$platform/jobsweep ;;
    esac
    for plugin in jobsweep sweep; do cmp -- "$program" "$work/$plugin/bin/$packed"; done
    grep -q "sha256: \"$(sha256sum <"$name.tar.gz" | cut -d' ' -f1)\"\$" sweep-jobs.yaml || fail "krew's manifest does not name $name"
    for file in README.md CHANGELOG.md LICENSE helm3/plugin.yaml; do
        [ -s "$work/$name/$file" ] || fail "$name has no $file"
    done
    case $platform in
    linux-*)
        readelf --dynamic "$program" >"$work/dynamic"
        ! grep NEEDED "$work/dynamic" || fail "the program for $platform needs these libraries"
        ;;
    esac
    [ "$platform" != "$this" ] || [ "$("$program" --version)" = "jobsweep $version" ] || fail "$name is not version $version"
done

# All crates that cargo links for this machine, with their versions.
(cd "$root" && cargo tree --locked --edges normal,no-proc-macro --prefix none --format '{p}') >"$work/tree"
sed -n 's/^\([^ ]*\) v\([^ ]*\).*/"pkg:cargo\/\1@\2/p' "$work/tree" | sort -u >"$work/crates"
grep -q '/kube@' "$work/crates"
while read -r crate; do
    grep -qF "$crate" "jobsweep-$version.cdx.json" || fail "the SBOM does not name $crate"
done <"$work/crates"
echo "a release of version $version for $*, made of $(wc -l <"$work/crates") crates"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Proves that the build is reproducible: builds the packages of HEAD twice, in directories with other names and depths, at
# other times, with another time zone, language and umask, and compares program, library and packages.
# By hand, some minutes.
#
# Usage: tests/by-hand/reproducible-build.sh
#   KEEP=1       keep the two builds
#   TMPDIR=DIR   where they are made; default /var/tmp
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
say() { printf '== reproducible build: %s\n' "$*"; }

commit=$(git -C "$top" rev-parse HEAD)
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/reproducible-build.XXXXXX")
# shellcheck disable=SC2317 # by the trap
finish() {
    local status=$?
    if [ "${KEEP:-0}" = 1 ]; then say "kept: $dir"; else rm -rf --one-file-system "$dir"; fi
    if [ "$status" -eq 0 ]; then say "passed in $SECONDS s"; else say "FAILED (status $status) in $SECONDS s"; fi
}
trap finish EXIT

# build PLACE VARIABLE=VALUE...: ccache would only show us what it has seen before.
build() {
    local place=$dir/$1
    shift
    say "in $place, with $*"
    git clone --quiet --no-hardlinks --no-checkout "$top" "$place"
    git -C "$place" checkout --quiet --detach "$commit"
    env -u SOURCE_DATE_EPOCH -u CMAKE_CXX_COMPILER_LAUNCHER CCACHE_DISABLE=1 "$@" "$place/dev" package >"$dir/log" 2>&1 || {
        cat "$dir/log"
        return 1
    }
}

first=$dir/a second="$dir/another place/much deeper/than the first"
mkdir -p "${second%/*}"
build "${first#"$dir"/}" TZ=UTC LC_ALL=C
(umask 077 && build "${second#"$dir"/}" TZ=Asia/Tokyo LC_ALL=C.UTF-8)

failed=0
for file in bin/qcow2-to-stdout libqcow2stream.a "$first"/build/package/*.deb; do
    file=${file#"$first"/build/package/}
    if cmp "$first/build/package/$file" "$second/build/package/$file"; then
        printf '   same   %s  %s\n' "$(sha256sum <"$first/build/package/$file" | cut -c 1-64)" "$file"
    else
        failed=1
    fi
done
[ $failed -eq 0 ]

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the scripts share. A script sources this file and is then in the top directory of the project.
set -euo pipefail
cd -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")/.."
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin # mke2fs, for users who are not root

say() { printf '== %s\n' "$*"; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

# configure PRESET [CMAKE-ARGS]: cheap when nothing changed. Its build directory is in $build_dir. ccache, where it is
# installed, never changes a byte; packages go without it all the same, since it hides whether they can be built.
configure() {
    local preset=$1 log launcher=()
    shift
    build_dir=$(build_dir_of "$preset")
    log=$build_dir/configure.log
    mkdir -p "$build_dir"
    [ "$preset" = package ] || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER="${CMAKE_CXX_COMPILER_LAUNCHER-$(type -P ccache || true)}")
    cmake --preset "$preset" "${launcher[@]}" "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        die "cmake failed"
    }
}

# build_dir_of PRESET: as CMakePresets.json has it.
build_dir_of() {
    case $1 in
        release) echo build ;;
        fuzz) echo build/fuzzers ;; # build/fuzz is what the release build makes of fuzz/
        address | thread) echo "build/${1::1}san" ;;
        *) echo "build/$1" ;;
    esac
}

# run_tests PRESET [CTEST-ARGS]: the tests of a directory that is built. Says last which were skipped, and why.
run_tests() {
    local preset=$1 status=0 results
    shift
    results=$PWD/$(build_dir_of "$preset")/tests.xml
    rm -f "$results"
    ctest --preset "$preset" --output-junit "$results" "$@" </dev/null || status=$?
    [ ! -s "$results" ] || scripts/test-results.py "$results"
    return $status
}

# files PATTERN...: what git tracks or would track.
files() {
    git ls-files --cached --others --exclude-standard --deduplicate -- "$@" |
        while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}

cxx_files() { files '*.c' '*.cc' '*.cpp' '*.h' '*.hpp'; }

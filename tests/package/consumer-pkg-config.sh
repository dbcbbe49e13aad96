#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs out of the tree find the installed library with pkg-config and make the images that the
# command makes. The C++ library links with --static and without, since there is none but the static one; that for C is
# shared, or with --static the archive.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

need pkg-config
! sanitized || skip "a library with sanitizers needs programs with sanitizers"
"$CMAKE" --install "$BUILD_DIR" --prefix "$dir/prefix" >install.log
PKG_CONFIG_PATH=$(dirname "$dir"/prefix/lib*/pkgconfig/qcow2stream.pc)
export PKG_CONFIG_PATH
pkg-config --validate qcow2stream
[[ $(pkg-config --modversion qcow2stream) == "$VERSION" ]]
[[ $(pkg-config --variable=prefix qcow2stream) == "$dir/prefix" ]]
pkg-config --exists "qcow2stream >= ${VERSION%.*}"

cp prefix/share/doc/qcow2-to-stdout/examples/*.cc .
read -ra cflags <<<"$(pkg-config --cflags qcow2stream)"
read -ra libs <<<"$(pkg-config --libs qcow2stream)"
read -ra static <<<"$(pkg-config --static --libs qcow2stream)"
"$CXX" -std=c++20 -Wall -Werror "${cflags[@]}" -o convert convert.cc "${libs[@]}"
"$CXX" -std=c++20 -Wall -Werror "${cflags[@]}" -o own_disk own_disk.cc "${static[@]}"

# An older language is said to be one, before anything else that it does not know.
"$CXX" -std=c++17 "${cflags[@]}" -fsyntax-only convert.cc 2>older.log && fail "C++17 is enough"
grep -m1 error older.log | finds 'needs C++20' || fail "$(head -n 5 older.log)"

truncate -s 5000001 disk.raw
data disk.raw 70*K 200*K
./convert disk.raw >image 2>/dev/null
same image <("$tool" disk.raw)
./own_disk own
same own <("$EXAMPLE_OWN_DISK" expected && cat expected)

# For C.
pkg-config --validate qcow2stream-c
[[ $(pkg-config --modversion qcow2stream-c) == "$VERSION" ]]
cp prefix/share/doc/qcow2-to-stdout/examples/convert_c.c .
read -ra cflags <<<"$(pkg-config --cflags qcow2stream-c)"
read -ra libs <<<"$(pkg-config --libs qcow2stream-c)"
"$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" -o convert_c convert_c.c "${libs[@]}"
so=$(echo prefix/lib*/libqcow2stream.so)
same image <(LD_LIBRARY_PATH=${so%/*} ./convert_c disk.raw 2>/dev/null)
# All of it from the archive but what the system has.
read -ra static <<<"$(pkg-config --static --libs qcow2stream-c)"
"$CC" -std=c11 "${cflags[@]}" -o convert_archive convert_c.c "${static[@]/#-lqcow2stream/-l:libqcow2stream.a}" -lstdc++
same image <(./convert_archive disk.raw 2>/dev/null)
# The header is C++, too.
"$CXX" -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "${cflags[@]}" -x c++ - <<<'#include "qcow2stream/c.h"'

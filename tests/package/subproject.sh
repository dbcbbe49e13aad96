#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The sources as a subdirectory of another project (add_subdirectory, FetchContent), in a path with a space:
# the other project's program gets the library, its own warnings and its own C++ standard, and nothing of ours is
# tested or installed with it unless it asks for that.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

! sanitized || skip "a library with sanitizers needs programs with sanitizers"
quietly() { "$@" >log 2>&1 || { cat log >&2 && fail "$*"; }; }
mkdir -p "a project/qcow2 to stdout"
cd "a project"
for part in "$source_root"/*; do
  [[ $part -ef $BUILD_DIR || $part -ef ${BUILD_DIR%/*} ]] || cp -r -- "$part" "qcow2 to stdout/"
done
cp "$source_root/examples/convert.cc" .
# The other project has an older standard and code that is not as clean as ours.
cat >unclean.cc <<'CODE'
static int unused(int shadowed) { { int shadowed = 1; (void)shadowed; } return 0; }
CODE
cat >CMakeLists.txt <<'CODE'
cmake_minimum_required(VERSION 3.22)
project(another LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 17)
enable_testing()
include(FetchContent)
FetchContent_Declare(qcow2stream SOURCE_DIR "${CMAKE_CURRENT_SOURCE_DIR}/qcow2 to stdout")
FetchContent_MakeAvailable(qcow2stream)
add_executable(another convert.cc unclean.cc)
target_link_libraries(another PRIVATE qcow2stream::qcow2stream)
install(TARGETS another)
file(GENERATE OUTPUT targets CONTENT "$<TARGET_FILE:another>\n$<TARGET_FILE:qcow2stream>\n")
CODE
# With ccache it takes minutes the first time only.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
configure() {
  "$CMAKE" -S . -B build -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(type -P ccache || true)" "$@"
}
quietly configure

# What is compiled: ours without -Werror, and nothing of tests, fuzzers, benchmarks and examples.
! grep -q -e -Werror build/compile_commands.json || fail "our warnings are errors of others"
! grep -E '"file": .*to stdout/(tests|fuzz|bench|examples)/' build/compile_commands.json || fail "more than the program"
grep -q '"file": .*qcow2 to stdout/src/' build/compile_commands.json || fail "the library is not there"
(cd build && [[ $("${CMAKE%/*}/ctest" -N | sed -n 's/^Total Tests: //p') == 0 ]]) || fail "our tests"
! grep -r 'CPACK_PACKAGE_NAME' build/CPackConfig.cmake 2>/dev/null || fail "our packages"

# Several files as one, which takes a third of the time, and which projects around us may well ask for.
quietly configure -DCMAKE_UNITY_BUILD=ON
quietly "$CMAKE" --build build --parallel 2 --target another
truncate -s 5000001 disk.raw
data disk.raw 70*K 200*K
"$(head -n 1 build/targets)" disk.raw >image 2>/dev/null
same image <("$tool" disk.raw)
DESTDIR=$PWD/root quietly "$CMAKE" --install build --prefix /usr
[[ $(cd root && find . -type f) == ./usr/bin/another ]] || fail "installed: $(cd root && find . -type f)"

# Where it is asked for, the library is installed with it, as by ourselves.
quietly configure -DQCOW2STREAM_INSTALL=ON
grep -rq 'libqcow2stream.a' build --include=cmake_install.cmake || fail "QCOW2STREAM_INSTALL installs nothing"

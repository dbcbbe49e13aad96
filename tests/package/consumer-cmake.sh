#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs out of the tree find the installed library with CMake, also after the installation was
# moved, and make the images that the command makes.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1
: "${VERSION:?}"

! sanitized || skip "a library with sanitizers needs programs with sanitizers"
"$CMAKE" --install "$BUILD_DIR" --prefix "$dir/first" >install.log
mv first moved
cp -r moved/share/doc/qcow2-to-stdout/examples .
quietly() { "$@" >log 2>&1 || { cat log >&2 && fail "$*"; }; }
consumer() { "$CMAKE" -S examples -B build -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$dir/moved"; }

quietly consumer
for place in "$BUILD_DIR" "$source_root" "$dir/first"; do
  ! mentions "$place" build/CMakeCache.txt || fail "it found the build"
done
quietly "$CMAKE" --build build

truncate -s 5000001 disk.raw
data disk.raw 70*K 200*K
build/convert disk.raw >image 2>/dev/null
same image <("$tool" disk.raw)
same image <(build/convert_c disk.raw 2>/dev/null)
build/own_disk own
same own <("$EXAMPLE_OWN_DISK" expected && cat expected)

# Another minor version has another API.
IFS=. read -r major minor _ <<<"$VERSION"
for version in "$major.$((minor + 1))" "$((major + 1)).0"; do
  sed "s/find_package(qcow2stream [0-9.]*/find_package(qcow2stream $version/" -i examples/CMakeLists.txt
  rm -rf build
  ! consumer >log 2>&1 || fail "version $version was found"
  grep -q "requested version \"$version\"" log || fail "$(<log)"
done

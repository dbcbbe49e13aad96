#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The version stands in CMakeLists.txt and in the changelog. Whatever else names it has it from there.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

! sanitized || skip "packages are not built with sanitizers"
"$CMAKE" --install "$BUILD_DIR" --prefix "$dir/prefix" >install.log
is() { [[ $2 == "$VERSION" ]] || fail "$1 has the version '$2' instead of $VERSION"; }

is --version "$("$tool" --version | sed 's/^qcow2-to-stdout //')"
is "the other --version" "$("$from_stdin" --version | sed 's/^qcow2-from-stdin //')"
for name in qcow2-to-stdout qcow2-from-stdin; do
  is "the manual page of $name" "$(sed -n "s/^\.TH ${name^^} 1 [0-9-]* \"$name \(.*\)\" \"User Commands\"\$/\1/p" \
    prefix/share/man/man1/$name.1)"
done
is qcow2stream.pc "$(sed -n 's/^Version: //p' prefix/lib*/pkgconfig/qcow2stream.pc)"
is "the CMake package" "$(sed -n 's/^set(PACKAGE_VERSION "\(.*\)")/\1/p' \
  prefix/lib*/cmake/qcow2stream/qcow2stream-config-version.cmake)"
is CHANGELOG.md "$(sed -n 's/^## \[\(.*\)\] - .*/\1/p' "$source_root/CHANGELOG.md" | head -n 1)"
is CMakeLists.txt "$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' "$source_root/CMakeLists.txt")"
# The date of a release is that of its manual page.
released=$(sed -n "s/^## \[$VERSION\] - \([0-9].*\)/\1/p" "$source_root/CHANGELOG.md")
[[ -z $released ]] || grep -q "^\.TH QCOW2-TO-STDOUT 1 $released " "$source_root/man/qcow2-to-stdout.1"

cd "$source_root"
others=$(grep -rnwF -e "$VERSION" cmake completions dev docs examples include man src README.md || true)
[[ -z $others ]] || fail "the version stands here too: $others"

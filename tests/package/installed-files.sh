#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cmake --install puts each file in its place. The program runs there, and nothing names the place
# where it was built.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

! sanitized || skip "packages are not built with sanitizers"
"$CMAKE" --install "$BUILD_DIR" --prefix "$dir/prefix" >install.log

# What it does not name is found by its pattern.
cat >patterns <<'END'
bin/qcow2-from-stdin
bin/qcow2-to-stdout
include/qcow2stream/*.h
lib*/cmake/qcow2stream/qcow2stream-config-version.cmake
lib*/cmake/qcow2stream/qcow2stream-config.cmake
lib*/cmake/qcow2stream/qcow2stream-targets-*.cmake
lib*/cmake/qcow2stream/qcow2stream-targets.cmake
lib*/libqcow2stream.a
lib*/libqcow2stream.so.0.*
lib*/pkgconfig/qcow2stream-c.pc
lib*/pkgconfig/qcow2stream.pc
libexec/qcow2-to-stdout/qcow2stream-confined
share/bash-completion/completions/qcow2-from-stdin
share/bash-completion/completions/qcow2-to-stdout
share/doc/qcow2-to-stdout/CHANGELOG.md
share/doc/qcow2-to-stdout/LICENSE
share/doc/qcow2-to-stdout/README.md
share/doc/qcow2-to-stdout/docs/*.md
share/doc/qcow2-to-stdout/docs/performance/*.svg
share/doc/qcow2-to-stdout/examples/CMakeLists.txt
share/doc/qcow2-to-stdout/examples/cluster/*
share/doc/qcow2-to-stdout/examples/convert.cc
share/doc/qcow2-to-stdout/examples/convert_c.c
share/doc/qcow2-to-stdout/examples/own_disk.cc
share/doc/qcow2-to-stdout/examples/qcow-stream-tool
share/doc/qcow2-to-stdout/examples/upload.py
share/fish/vendor_completions.d/qcow2-from-stdin.fish
share/fish/vendor_completions.d/qcow2-to-stdout.fish
share/man/man1/qcow2-from-stdin.1
share/man/man1/qcow2-to-stdout.1
share/zsh/site-functions/_qcow2-from-stdin
share/zsh/site-functions/_qcow2-to-stdout
END
[[ -z $PYTHON ]] || printf 'lib/python3/dist-packages/qcow2stream/%s\n' '*.py' py.typed >>patterns
[[ ! -e $source_root/SECURITY.md ]] || echo share/doc/qcow2-to-stdout/SECURITY.md >>patterns
cd prefix
for link in lib*/libqcow2stream.so lib*/libqcow2stream.so.0; do [[ -L $link && -e $link ]] || fail "no $link"; done
find . -type f -printf '%P\n' | sort >../found
while read -r pattern; do
  # shellcheck disable=SC2086,SC2012  # a pattern
  ls $pattern >>../wanted || fail "$pattern is missing"
done <../patterns
diff <(sort ../wanted) ../found || fail "other files"
diff -r "$source_root/include/qcow2stream" include/qcow2stream

for place in "$BUILD_DIR" "$source_root"; do
  ! mentions "$place" -rl . || fail "a path of the build"
done
! grep -rl -e -Werror lib*/cmake lib*/pkgconfig || fail "our warnings are not others' errors"
for name in qcow2-to-stdout qcow2-from-stdin; do [[ -x bin/$name && ! -x share/man/man1/$name.1 ]]; done

data ../disk.raw 100*K 300*K
bin/qcow2-to-stdout ../disk.raw >../image
same ../image <("$tool" ../disk.raw)
bin/qcow2-from-stdin ../restored.raw <../image
same ../restored.raw <(bin/qcow2-from-stdin - <../image)

# The helper that takes apart what is not trusted is found from there.
if bin/qcow2-to-stdout --isolate -f qcow2 ../image >../isolated 2>../isolation.log; then
  same ../isolated ../image
else
  grep -q 'cannot be isolated' ../isolation.log || fail "it is not found: $(<../isolation.log)"
fi

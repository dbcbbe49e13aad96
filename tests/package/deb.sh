#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian packages: what they say, what they hold, and that dpkg installs and removes them without
# a trace. Twice packed, they are the same. tests/by-hand/package-in-clean-root.sh does it with apt in a root of their own.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

need dpkg dpkg-deb dpkg-shlibdeps file strip
! sanitized || skip "packages are not built with sanitizers"
pack() { (cd "$BUILD_DIR" && "${CMAKE%/*}/cpack" -B "$1") >cpack.log 2>&1 || { cat cpack.log >&2 && fail cpack; }; }
export SOURCE_DATE_EPOCH=1000000000
pack "$dir/a"
TZ=Asia/Tokyo pack "$dir/another place"
for package in a/*.deb; do same "$package" "another place/${package##*/}"; done
program=$(echo a/qcow2-to-stdout_"$VERSION"-1_*.deb)
library=$(echo a/libqcow2stream-dev_"$VERSION"-1_*.deb)
shared=$(echo a/libqcow2stream0_"$VERSION"-1_*.deb)
[[ -s $program && -s $library && -s $shared ]]
packages=("$program" "$library" "$shared")
names=(qcow2-to-stdout libqcow2stream-dev libqcow2stream0)
python=a/python3-qcow2stream_$VERSION-1_all.deb
if [[ -n $PYTHON ]]; then
  [[ -s $python ]]
  packages+=("$python")
  names+=(python3-qcow2stream)
fi

has() { dpkg-deb -f "$1" "$2" | grep -E -e "$3" >/dev/null || fail "$2 of $1 is: $(dpkg-deb -f "$1" "$2")"; }
for depends in libc6 libstdc++6 libfmt libnbd0 liburing libssl libisal libdeflate libzstd zlib1g; do
  has "$program" Depends "(^|, )${depends//+/\\+}"
done
has "$program" Recommends '^qemu-utils$'
has "$program" Suggests nbdkit
has "$program" Suggests fuse3
has "$program" Section '^utils$'
read -ra modules < <(sed -n 's/^Requires: //p' "$BUILD_DIR/cmake/qcow2stream.pc.in")
for depends in "${modules[@]}"; do
  package=$(dpkg-query -S "*/pkgconfig/$depends.pc" | sed 's/:.*//')
  has "$library" Depends "(^|, )$package( |,|\$)"
done
has "$library" Section '^libdevel$'
has "$program" Description '^disk to qcow2 image as a stream$'
has "$library" Description '^disks to qcow2 images as streams [(]development files[)]$'
has "$library" Depends "(^|, )libqcow2stream0 [(]= $VERSION-1[)]"
for depends in libc6 libstdc++6 libfmt libnbd0 liburing libssl libisal libdeflate libzstd zlib1g; do
  has "$shared" Depends "(^|, )${depends//+/\\+}"
done
has "$shared" Section '^libs$'
dpkg-deb --ctrl-tarfile "$shared" | tar -xO ./postinst | finds ldconfig || fail "nobody runs ldconfig"
[[ -z $PYTHON ]] || has "$python" Depends 'python3-cffi-backend.*libqcow2stream0'
for package in "${packages[@]}"; do
  has "$package" Version "^$VERSION-1\$"
  has "$package" Priority '^optional$'
  ! dpkg-deb -c "$package" | awk '{ print $1, $2 }' |
    grep -Evx '(d|-)rwxr-xr-x root/root|-rw-r--r-- root/root|lrwxrwxrwx root/root' ||
    fail "rights or owners"
done

mkdir -p root/var/lib/dpkg/{info,updates}
: >root/var/lib/dpkg/status
dpkg_() {
  PATH=$PATH:/usr/sbin:/sbin dpkg --root="$dir/root" --log=/dev/null --force-not-root --force-depends \
    --force-script-chrootless "$@" >dpkg.log 2>&1 || { cat dpkg.log >&2 && fail "dpkg $*"; }
}
dpkg_ -i "${packages[@]}"
cd root/usr
for name in "${names[@]}"; do
  grep -q '^License: GPL-2+' share/doc/"$name"/copyright
  zcat share/doc/"$name"/changelog.gz | grep -F "## [$VERSION]" >/dev/null
  zcat share/doc/"$name"/changelog.Debian.gz | grep "^qcow2-to-stdout ($VERSION-1) " >/dev/null
  zcat share/doc/"$name"/changelog.Debian.gz | grep 'Sun, 09 Sep 2001 01:46:40 +0000' >/dev/null
done
for name in qcow2-to-stdout qcow2-from-stdin; do
  zcat share/man/man1/$name.1.gz | grep "^\.TH .*$VERSION" >/dev/null
  [[ -s share/bash-completion/completions/$name && -s share/zsh/vendor-completions/_$name &&
    -s share/fish/vendor_completions.d/$name.fish ]]
done
grep -qx 'prefix=/usr' lib*/pkgconfig/qcow2stream.pc lib*/*/pkgconfig/qcow2stream.pc 2>/dev/null
[[ -s share/doc/libqcow2stream-dev/examples/convert.cc && -s include/qcow2stream/c.h ]]
so=$(echo lib*/libqcow2stream.so lib*/*/libqcow2stream.so)
so=${so##lib\*/libqcow2stream.so }
so=${so%% *}
[[ -s $so && -s $so.0 ]] || fail "no shared library: $so"
file -L "$so" | grep ', stripped' >/dev/null
file bin/qcow2-to-stdout | grep ', stripped' >/dev/null
data "$dir/disk.raw" 100*K 300*K
bin/qcow2-to-stdout "$dir/disk.raw" >"$dir/image"
same "$dir/image" <("$tool" "$dir/disk.raw")
bin/qcow2-from-stdin "$dir/restored.raw" <"$dir/image"
if [[ -n $PYTHON ]]; then
  PYTHONPATH=lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=${so%/*} "$PYTHON" -c '
import sys, qcow2stream
qcow2stream.Image(sys.argv[1]).write_to(1)' "$dir/disk.raw" | same - "$dir/image"
fi
cd "$dir"
dpkg_ --purge "${names[@]}"
left=$(find root ! -path 'root/var*' ! -path root)
[[ -z $left ]] || fail "left behind: $left"

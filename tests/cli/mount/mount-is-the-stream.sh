#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With --mount the image is a file whose bytes are those of the stream, with all options.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"
need qemu-img qemu-io python3

ext4_disk disk.raw 40M
data disk.raw 33*M 100*K
need_fuse disk.raw
cp --sparse=always disk.raw base.raw
data base.raw 12*M 700*K 5
truncate -s $((41 * M + 700)) longer.raw
dd if=disk.raw of=longer.raw bs=1M conv=notrunc,sparse status=none
qemu-img convert -f raw -O qcow2 -c disk.raw disk.qcow2
"$tool" --save-plan disk.plan --measure disk.raw >measured

# is_the_stream ARGUMENT...
is_the_stream() {
  "$tool" "$@" >stream.qcow2
  mounted at --name image.qcow2 "$@"
  [[ $mounted == at/image.qcow2 && $(ls -A at) == image.qcow2 ]] || fail "mounted as $mounted"
  [[ $(size_of at/image.qcow2) == $(size_of stream.qcow2) ]] || fail "another size: $*"
  same at/image.qcow2 stream.qcow2
  # Eight readers of pieces whose beginnings fit nothing.
  local n readers=()
  for n in {0..7}; do
    cmp --ignore-initial=$((n * 4111)) --bytes=3000000 at/image.qcow2 stream.qcow2 &
    readers+=($!)
  done
  for n in "${readers[@]}"; do wait "$n" || fail "a reader of a part has seen other bytes: $*"; done
  unmounted at
}

is_the_stream disk.raw
is_the_stream -c 4k -r 64 -v 3 disk.raw
is_the_stream -v 2 -r 16 disk.raw
is_the_stream -c 2M longer.raw
is_the_stream --scan none -c 512 disk.raw
is_the_stream --extended-l2 -c 64k disk.raw
is_the_stream --compress disk.raw
is_the_stream --compress=zstd --spool-memory 0 disk.raw
is_the_stream -B base.raw -F raw --base base.raw disk.raw
is_the_stream -v 2 -r 16 -B base.raw -F raw --base base.raw longer.raw
is_the_stream --plan disk.plan disk.raw
is_the_stream -f qcow2 disk.qcow2
is_the_stream -f qcow2 --compress=keep disk.qcow2
is_the_stream - <disk.raw

# QEMU opens it, and finds it clean; what a guest reads here and there is right.
mounted at disk.raw
[[ $mounted == at/disk.qcow2 ]] || fail "the file is called $mounted"
check_image at/disk.qcow2 disk.raw
for offset in 0 511 12345678 $((33 * M + 7)) $((40 * M - 512)); do
  [[ $(qemu-io -r -f raw -c "read -v $offset 512" disk.raw | grep -v sec) == \
  $(qemu-io -r -f qcow2 -c "read -v $offset 512" at/disk.qcow2 | grep -v sec) ]] || fail "other bytes at $offset"
done

# Fixed: the time is the disk's, the id is the image's, and nothing can be written.
[[ $(stat -c %y at/disk.qcow2) == $(stat -c %y disk.raw) ]] || fail "the time is $(stat -c %y at/disk.qcow2)"
attribute() { python3 -c 'import os, sys; print(os.getxattr(*sys.argv[1:]).decode())' "$@"; }
[[ $(attribute at/disk.qcow2 user.image-id) == $("$tool" --measure=id disk.raw) ]] || fail "another id"
[[ $(stat -c %a at/disk.qcow2) == 400 ]] || fail "its mode is $(stat -c %a at/disk.qcow2)"
for command in 'truncate -s 5 at/disk.qcow2' 'touch at/new' 'rm -f at/disk.qcow2' 'mkdir at/new'; do
  ! $command 2>/dev/null || fail "succeeded: $command"
done
inode=$(stat -c %i at/disk.qcow2)
unmounted at
# Another image of the same disk is another file for who looks at inode numbers.
mounted at -c 128k disk.raw
[[ $(stat -c %i at/disk.qcow2) != "$inode" ]] || fail "the same inode number"
unmounted at

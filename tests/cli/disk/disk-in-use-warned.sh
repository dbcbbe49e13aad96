#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Who may write to DISK meanwhile is a warning, and so are sectors that are not a machine's usual ones.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# warned PATTERN DISK: one warning, none with -q, and the image is made.
warned() {
  "$tool" -f raw "$2" >image 2>stderr || fail "status $?"
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: $2: $1"
  convert "$2" image -q -f raw
}

ext4_disk disk.img 16M
convert disk.img image
loop_device disk.img -r && read_only=$loop
convert "$read_only" image
convert disk.img image
mkdir mnt
mount -o ro "$read_only" mnt 2>mount.log || skip "cannot mount: $(<mount.log)"
convert disk.img image
umount mnt
loop_device disk.img
warned "$loop can write to it meanwhile.*losetup -r" disk.img
convert "$loop" image
mount "$loop" mnt
at_exit umount mnt
# Frozen: what the file system writes by itself would be a change while the disk is read.
fsfreeze -f mnt
at_exit sh -c 'fsfreeze -u mnt 2>/dev/null || true'
warned 'is mounted read-write at .*/mnt,.*snapshot' "$loop"
warned "$loop on it is mounted read-write at .*/mnt," disk.img
fsfreeze -u mnt
convert mnt/large image

# Sectors: by the device, or by a GPT that was made for them.
truncate -s 16M large.raw
loop_device large.raw -r --sector-size 4096
warned 'has sectors of 4096 bytes.*logical_block_size=4096' "$loop"
cp large.raw table.raw
printf 'EFI PART' | dd of=table.raw bs=4096 seek=1 conv=notrunc status=none
warned 'has sectors of 4096 bytes' table.raw
"$tool" - <table.raw >image 2>stderr
expect_stderr 'has sectors of 4096 bytes'
printf 'EFI PART' | dd of=table.raw bs=512 seek=1 conv=notrunc status=none
convert table.raw image

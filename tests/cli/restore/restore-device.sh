#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Onto a block device: what is behind the disk stays, what failed is no disk, one that is mounted or too small is refused.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need losetup
need_root "loop devices"
ext4_disk disk.raw 16M
"$tool" disk.raw >image.qcow2
"$tool" --compress disk.raw >packed.qcow2
fill() {
  truncate -s "$1" device.raw
  data device.raw 0 "$(size_of device.raw)" 77
}
fill 16M
loop_device device.raw
for image in image packed; do
  for way in pipe file; do
    data device.raw 0 16*M 77
    case $way in
      pipe) expect_status 0 from_pipe $image.qcow2 "$loop" ;;
      file) expect_status 0 "$from_stdin" -i $image.qcow2 "$loop" ;;
    esac
    expect_silence
    same device.raw disk.raw
  done
done

# It takes no more room than the disk.
(($(stat -c %b device.raw) <= $(stat -c %b disk.raw) + 2048)) || fail "$(stat -c %b device.raw) blocks"

# What failed does not look like a disk: neither like the old one nor like the new one.
head -c 3000000 image.qcow2 >cut.qcow2
expect_refusal 3 "standard input: .*; $loop is not a disk: its first MiB is zeros\$" from_pipe cut.qcow2 "$loop"
same <(part device.raw 0 1*M) <(head -c 1M /dev/zero)
same <(part device.raw 15*M 1*M) <(head -c 1M /dev/zero)
if type -P blkid >/dev/null; then
  ! blkid -p "$loop" >blkid.log 2>&1 || fail "a disk: $(<blkid.log)"
fi

# The same command with --skip-equal goes on there.
expect_status 0 from_pipe image.qcow2 --skip-equal "$loop"
same device.raw disk.raw
expect_refusal 2 '--verify: standard input can be read only once' from_pipe image.qcow2 --verify "$loop"
expect_status 0 "$from_stdin" --verify -i image.qcow2 "$loop"
expect_silence
same device.raw disk.raw

# --target-is-zero
dd if=/dev/zero of=device.raw bs=1M count=16 conv=notrunc status=none
expect_status 0 from_pipe image.qcow2 --target-is-zero "$loop"
same device.raw disk.raw

# Larger, and smaller.
losetup -d "$loop"
fill 20M
losetup "$loop" device.raw
expect_status 0 from_pipe image.qcow2 "$loop"
expect_messages 1
expect_stderr "$loop: has 20971520 bytes, and the disk 16777216; what lies behind it is left alone, and a backup GPT"
same <(part device.raw 0 16*M) disk.raw
fill_again() { data expected.raw 0 20*M 77; }
fill_again
same <(part device.raw 16*M 4*M) <(part expected.raw 16*M 4*M)
losetup -d "$loop"
truncate -s 15M device.raw
cp device.raw before.raw
losetup "$loop" device.raw
expect_refusal 1 "$loop: .*too small.*; $loop is unchanged\$" from_pipe image.qcow2 "$loop"
expect_refusal 1 "$loop: .*too small.*; $loop is unchanged\$" "$from_stdin" -i image.qcow2 "$loop"
same device.raw before.raw
losetup -d "$loop"

# An increment of a smaller base has zeros behind the end of that. How large it was is known with a manifest only.
head -c 8M disk.raw >small.raw
cp small.raw grown.raw
data grown.raw 2*M 64*K 5
truncate -s 16M grown.raw
"$tool" --save-manifest small.manifest small.raw >small.qcow2
"$tool" -B small.qcow2 -F qcow2 --base small.raw grown.raw >plain.qcow2
"$tool" -B small.qcow2 -F qcow2 --base-manifest small.manifest grown.raw >linked.qcow2
truncate -s 16M device.raw
old_disk() {
  data device.raw 0 16*M 77
  dd if=small.raw of=device.raw bs=1M conv=notrunc status=none
}
losetup "$loop" device.raw
old_disk
expect_status 0 "$from_stdin" --apply -i plain.qcow2 "$loop"
expect_messages 1
expect_stderr 'plain.qcow2: nothing says how large its base was; .* a manifest of the base says it'
same <(part device.raw 0 8*M) <(part grown.raw 0 8*M)
expect_status 0 "$from_stdin" -q --apply -i plain.qcow2 "$loop"
expect_silence
old_disk
expect_refusal 4 "$loop: does not hold .*, not [0-9a-f]{64} \(or the base was smaller; its manifest says it\); " \
  from_pipe linked.qcow2 --apply "$loop"
for image in plain linked; do
  old_disk
  expect_status 0 "$from_stdin" --apply --base-manifest small.manifest -i $image.qcow2 "$loop"
  expect_silence
  same device.raw grown.raw
done
losetup -d "$loop"

# Mounted.
cp disk.raw device.raw
losetup "$loop" device.raw
mkdir mounted
if mount -o ro "$loop" mounted 2>mount.log; then
  at_exit umount mounted
  expect_refusal 1 "$loop: .*in use" from_pipe image.qcow2 "$loop"
  same device.raw disk.raw
else
  echo "not tested: cannot mount: $(<mount.log)"
fi

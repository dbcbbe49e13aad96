#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What was not left clean, or is not known, is kept as a whole: with a warning where something would help, and with the
# reason in --measure.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

aged_ext4 disk.raw 64M
convert disk.raw all.qcow2

# kept FILE PATTERN: the image is that of the whole disk, and one warning says why.
kept() {
  expect_status 0 "$tool" --leave-out free "$1"
  expect_messages 1
  expect_stderr "$2"
  "$tool" "$1" | cmp - stdout || fail "something is left out"
  [[ $(left_out_of "$1") == 0 ]] || fail "--measure says that something is left out"
  found left-out.json 0 kept-because | finds -Ei "$2" || fail "another reason"
  # Who does not want to hear it does not.
  expect_status 0 "$tool" -q --leave-out free "$1"
  expect_silence
}

cp disk.raw errors.raw
debugfs -w -R 'set_super_value state 2' errors.raw >debugfs.log 2>&1
kept errors.raw error

# Nobody knows what these are, and nothing would help.
for format in noise luks; do
  data $format.raw 0 8*M
done
printf 'LUKS\xba\xbe\0\2' | dd of=luks.raw conv=notrunc status=none
for format in noise luks; do
  expect_status 0 "$tool" --leave-out free $format.raw
  expect_silence
  "$tool" $format.raw | cmp - stdout || fail "something is left out"
  expect_status 0 "$tool" --verbose --leave-out free $format.raw
  expect_stderr 'nothing is left out'
done
"$tool" --measure --leave-out free luks.raw | finds 'luks.*encrypted' || fail "does not name LUKS"

# This machine has it mounted.
if [[ $EUID == 0 ]]; then
  mkdir mnt
  loop_device disk.raw
  if mount -o rw "$loop" mnt 2>mount.log; then
    at_exit umount mnt
    expect_status 0 "$tool" --leave-out free disk.raw
    expect_stderr 'is mounted read-write at'
    expect_status 0 "$tool" --measure=json --leave-out free disk.raw
    [[ $(json stdout left-out free) == 0 ]] || fail "of a mounted disk something is left out"
  fi
  # It uses it as swap space.
  need mkswap
  data swap.raw 0 4*M
  mkswap swap.raw >mkswap.log
  loop_device swap.raw
  [[ $("$tool" --measure=size --leave-out swap "$loop") -lt $((1 * M)) ]] || fail "swap space is kept"
  if swapon "$loop" 2>swapon.log; then
    at_exit swapoff "$loop"
    expect_status 0 "$tool" --leave-out swap "$loop"
    expect_stderr 'is used as swap space, and the image may hold a part of what is written meanwhile'
    expect_stderr 'nothing is left out: .* is used as swap space by this machine; turn it off'
  fi
fi

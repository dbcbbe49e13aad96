#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard output that is the disk itself is refused, whatever the name, and the disk stays as it is.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K
cp disk.raw before
ln disk.raw hard.raw
ln -s disk.raw soft.raw

for name in disk.raw hard.raw soft.raw; do
  status=0
  "$tool" "$name" 1<>disk.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  expect_stderr "$name"
  same disk.raw before

  status=0
  "$tool" "$name" >>disk.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  same disk.raw before
done

# Nor is what the image refers to: a backing file or a data file of another name.
cp disk.raw other.raw
for options in '--data-file=other.raw' '-B other.raw -F raw --base hard.raw' '-B other.raw -F raw --changed-map list'; do
  echo '[]' >list
  status=0
  # shellcheck disable=SC2086
  "$tool" $options disk.raw 1<>other.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  expect_stderr 'other.raw'
  # shellcheck disable=SC2086
  expect_refusal 1 'other.raw' "$tool" $options --digest sha256=other.raw disk.raw
  same other.raw before
done

# Nor a loop device's file, the device of the file, or the disk of a partition.
refused() {
  local status=0 sum
  sum=$(cksum <behind.raw)
  "$tool" "$1" 1<>"$2" 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status with $1 to $2"
  expect_messages 1
  expect_stderr "$1: cannot be read: standard output writes to it"
  [[ $(cksum <behind.raw) == "$sum" ]] || fail "$1 was written to"
}
truncate -s 4M behind.raw
loop_device behind.raw -P
refused "$loop" behind.raw
refused behind.raw "$loop"
if addpart "$loop" 1 2048 2048 2>addpart.log && sleep 0.5 && [[ -b ${loop}p1 ]]; then
  refused "$loop" "${loop}p1"
  refused "${loop}p1" "$loop"
  refused "${loop}p1" behind.raw
fi

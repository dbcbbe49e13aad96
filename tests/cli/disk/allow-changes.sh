#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --allow-changes: a disk that changes is a warning; one that cannot be read to the end is none.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 32M disk.raw
data disk.raw 0 32*M
announced=$("$tool" --measure=size disk.raw)
for options in '' '--scan none' '--compress=zlib:1 --spool-memory 1G'; do
  # shellcheck disable=SC2086
  announced=$("$tool" $options --measure=size disk.raw)
  # shellcheck disable=SC2086
  stall 1000000 --allow-changes $options disk.raw
  data disk.raw 20*M 1 7
  drain
  [[ $status == 0 ]] || fail "status $status with $options"
  expect_messages 1
  expect_stderr '^qcow2-to-stdout: disk\.raw: changed while it was read \(mtime\), going on$'
  [[ $(size_of received) == "$announced" ]]
  qemu-img check -q -f qcow2 received
done

# It grows: what was its size at the beginning counts.
stall 1000000 --allow-changes disk.raw
truncate -s 33M disk.raw
drain
[[ $status == 0 ]] || fail "status $status with a disk that grows"
expect_stderr 'changed while it was read \(size, '
qemu-img info -f qcow2 received | finds -F "(33554432 bytes)"

# It shrinks, and what is missing cannot be read.
stall 1000000 --allow-changes disk.raw
truncate -s 16M disk.raw
drain
[[ $status == 3 ]] || fail "status $status with a disk that shrinks"
expect_stderr 'changed while it was read \(it ends at .*discard it$'

# So does an image of another format, in which QEMU reads zeros then.
truncate -s 32M disk.raw
data disk.raw 0 32*M
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
stall 100000 --allow-changes -f qcow2 disk.qcow2
truncate -s 20M disk.qcow2
drain
[[ $status == 3 ]] || fail "status $status with an image that shrinks"
expect_stderr 'disk.qcow2: changed while it was read \(it ends at 20971520 of .*discard it$'

# A cluster that has to be compressed again and takes another size then: there is no place for it.
truncate -s 0 disk.raw
truncate -s 32M disk.raw
data disk.raw 0 32*M
stall 100 --allow-changes --compress --spool-memory 0 disk.raw
head -c 4M /dev/zero | dd of=disk.raw bs=1M seek=24 conv=notrunc status=none
drain
[[ $status == 3 ]] || fail "status $status with a cluster of another size"

# A base that changes.
cp --sparse=always disk.raw base.raw
expect_status 0 "$tool" --allow-changes --measure=size --base base.raw disk.raw
expect_silence

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What QEMU reads for us under another name than DISK's is not overwritten either: a backing file, the
# file of a block node; nor what a QEMU of somebody else's reads.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
need qemu-img qemu-io

truncate -s 2M base.raw
data base.raw 0 700*K
cp base.raw before
qemu-img create -q -f qcow2 -b base.raw -F raw disk.qcow2
qemu-io -c 'write -P 7 64k 64k' disk.qcow2 >qemu-io.log

# refused ARGUMENT...: with base.raw as the output.
refused() {
  local status=0
  "$tool" "$@" 1<>base.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  expect_stderr 'base.raw: cannot be read: standard output writes to it'
  same base.raw before
}

refused -f qcow2 disk.qcow2
refused --digest sha256 -f qcow2 disk.qcow2
refused --blockdev '{"driver": "raw", "file": {"driver": "file", "filename": "base.raw"}}'
refused --blockdev '{"driver": "qcow2", "file": {"driver": "file", "filename": "disk.qcow2"}}'

# Nor does a file beside the image take the place of one. What is large is seen to be something else, what
# is small only where QEMU has it open by then.
ln base.raw report
for option in --report=base.raw '--digest md5=base.raw' '--save-plan base.raw' --report=report; do
  # shellcheck disable=SC2086
  expect_refusal 1 '(base.raw|report): cannot be written: it (is base.raw|holds something else)' "$tool" $option -f qcow2 disk.qcow2
done
truncate -s 2k base.raw
cp base.raw small
for option in --report=base.raw '--digest md5=base.raw' '--save-plan base.raw'; do
  # shellcheck disable=SC2086
  expect_refusal 1 'base.raw: cannot be written: it is base.raw' "$tool" $option -f qcow2 disk.qcow2
done
same base.raw small
"$tool" --measure=size -f qcow2 disk.qcow2 1<>base.raw 2>stderr && fail "the answer went into the disk"
expect_stderr 'base.raw: cannot be read: standard output writes to it'
cp before base.raw

# The same where another QEMU has it.
truncate -s 1M other.raw
if type -P qemu-nbd >/dev/null; then
  qemu-nbd --read-only -f qcow2 --socket "$dir/socket" disk.qcow2 2>qemu-nbd.log &
  at_exit end_process $!
  wait_for test -S socket
  status=0
  "$tool" other.raw 1<>base.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_stderr 'standard output: cannot be written: it is being read as an image'
  same base.raw before
  end_process $!
fi

# A disk that somebody else reads, too, may well go into another file.
qemu-img convert -f qcow2 -O raw disk.qcow2 flat.raw
convert disk.qcow2 image -f qcow2
check_image image flat.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What QEMU reads for us under a name that we do not know is not overwritten either: a backing file,
# and the file of a block node.
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
  expect_stderr 'standard output: cannot be written: it is being read as an image'
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
  expect_refusal 1 '(base.raw|report): cannot be written: it holds something else' "$tool" $option -f qcow2 disk.qcow2
done
truncate -s 2k base.raw
cp base.raw small
for option in '--digest md5=base.raw' '--save-plan base.raw'; do
  # shellcheck disable=SC2086
  expect_refusal 1 'base.raw: cannot be written: it is being read as an image' "$tool" $option -f qcow2 disk.qcow2
done
same base.raw small
"$tool" --measure=size -f qcow2 disk.qcow2 1<>base.raw 2>stderr && fail "the answer went into the disk"
expect_stderr 'standard output: cannot be written: it is being read as an image'
cp before base.raw

# A disk that somebody else reads, too, may well go into another file.
qemu-img convert -f qcow2 -O raw disk.qcow2 flat.raw
convert disk.qcow2 image -f qcow2
check_image image flat.raw

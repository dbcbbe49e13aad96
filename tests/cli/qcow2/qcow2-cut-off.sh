#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image that was cut off: what begins behind the end of the file is refused, where QEMU reads zeros. A last
# cluster that lacks its end reads as in QEMU.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 6M disk.raw
data disk.raw 0 6*M
qemu-img convert -f raw -O qcow2 disk.raw whole.qcow2
qemu-img convert -c -f raw -O qcow2 disk.raw packed.qcow2
# shellcheck disable=SC2034  # used in expressions
size=$(size_of whole.qcow2) packed=$(size_of packed.qcow2)

# cut IMAGE SIZE
cut() {
  cp "$1" cut.qcow2
  truncate -s "$(($2))" cut.qcow2
}
for left in size/2 size-65536 size-65536-1; do
  cut whole.qcow2 $left
  expect_refusal 1 'cut.qcow2: the image is damaged at offset [0-9]+ of its disk: .*it lies at [0-9]+, behind the end of the file' \
    "$tool" -f qcow2 cut.qcow2
  # Where in the disk it begins: the first cluster that is gone, and that it is gone.
  offset=$(sed 's/.*at offset \([0-9]*\) of its disk.*/\1/' stderr)
  at=$(sed 's/.*it lies at \([0-9]*\),.*/\1/' stderr)
  ((at >= $(size_of cut.qcow2) && at < $(size_of cut.qcow2) + 65536)) || fail "it lies at $at"
  same <(part disk.raw "$offset" 65536) <(part whole.qcow2 "$at" 65536)
  for options in '--scan holes' '--scan none' --measure; do
    # shellcheck disable=SC2086
    expect_status 1 "$tool" -f qcow2 $options cut.qcow2
    expect_messages 1
    expect_stderr 'cut.qcow2: the image is damaged at offset'
  done
done
for left in size-1 size-65535 size-1000; do
  cut whole.qcow2 $left
  qemu-img convert -f qcow2 -O raw cut.qcow2 flat.raw
  convert cut.qcow2 image.qcow2 -f qcow2
  check_image image.qcow2 flat.raw
  convert cut.qcow2 image.qcow2 -f qcow2 --scan holes
  check_image image.qcow2 flat.raw
done

# Compressed data.
cut packed.qcow2 packed/2
expect_refusal 1 'cut.qcow2: the image is damaged at offset [0-9]+ of its disk: ' "$tool" -f qcow2 cut.qcow2

# Tables: the L1 table, an L2 table, the header.
cut whole.qcow2 3*65536
expect_refusal 1 'cut.qcow2: .*L1 table.* behind the end of the file' "$tool" -f qcow2 cut.qcow2
cut whole.qcow2 4*65536
expect_refusal 1 'cut.qcow2: .*L2 table.* lies at 262144, behind the end of the file' "$tool" -f qcow2 cut.qcow2
cut whole.qcow2 100
expect_refusal 1 'cut.qcow2: cannot be read as qcow2: ' "$tool" -f qcow2 cut.qcow2
# Below another one it is named.
cut whole.qcow2 size/2
qemu-img create -q -f qcow2 -u -b cut.qcow2 -F qcow2 over.qcow2 6M
expect_refusal 1 'cut.qcow2: the image is damaged' "$tool" -f qcow2 over.qcow2

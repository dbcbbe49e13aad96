#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU counts in sectors of 512 bytes: a disk of another size is padded with zeros, as we do it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
for size in 0 1 513 70001 3000000; do
  : >disk.raw
  truncate -s $size disk.raw
  data disk.raw 0 size
  truncate -s $size disk.raw
  convert disk.raw wanted
  expect_status 0 "$tool" --blockdev '{"driver":"raw","file":{"driver":"file","filename":"disk.raw"}}'
  expect_silence
  same stdout wanted
  for format in qcow2 qed vdi vmdk vhdx parallels; do
    rm -f other
    qemu-img convert -f raw -O $format disk.raw other 2>convert.log || continue
    convert other image -f $format
    # Some formats have coarser sizes (vdi, vhdx): QEMU says which.
    virtual=$(qemu-img info -f $format other | sed -n 's/^virtual size: .*(\([0-9]*\) bytes)$/\1/p')
    cp disk.raw padded.raw
    truncate -s "$virtual" padded.raw
    convert padded.raw padded
    same image padded
  done
done

# A qcow2 header with a size between two sectors: what QEMU makes of it.
qemu-img convert -f raw -O qcow2 disk.raw odd.qcow2
for size in 2999296 2999999 2097153 1; do
  printf '%b' "$(printf '%016x' "$size" | sed 's/../\\x&/g')" |
    dd of=odd.qcow2 bs=1 seek=24 conv=notrunc status=none
  same_as_flat odd.qcow2 qcow2
done

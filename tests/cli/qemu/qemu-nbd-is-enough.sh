#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where qemu-storage-daemon is not installed, qemu-nbd does the same.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-nbd qemu-img
mkdir programs
ln -s "$(type -P qemu-nbd)" "$(type -P qemu-img)" programs/
ext4_disk disk.raw 8M
convert disk.raw wanted
convert disk.raw wanted-all --scan none
only_qemu_nbd() { PATH=$dir/programs "$tool" "$@"; }

name='./a, name: with "quotes" \ and {braces}'
for format in qcow2 vmdk vdi; do
  qemu-img convert -f raw -O $format disk.raw "$name"
  for input in $format auto; do
    expect_status 0 only_qemu_nbd -f "$input" "$name" --connections 3
    expect_silence
    same stdout wanted
  done
  expect_status 0 only_qemu_nbd -f $format --scan none "$name"
  same stdout wanted-all
done
qemu-img create -q -f qcow2 -b disk.raw -F raw top.qcow2
expect_status 0 only_qemu_nbd -f qcow2 top.qcow2
same stdout wanted
expect_status 0 only_qemu_nbd --object '{"qom-type":"secret","id":"s0","data":"unused"}' \
  --blockdev '{"driver":"qcow2","file":{"driver":"file","filename":"top.qcow2"}}'
expect_silence
same stdout wanted

echo noise >noise
expect_refusal 1 'noise: QEMU cannot open it: .*VDI' only_qemu_nbd -f vdi noise
expect_refusal 1 'missing-base' only_qemu_nbd --blockdev '{"driver":"file","filename":"missing-base"}'

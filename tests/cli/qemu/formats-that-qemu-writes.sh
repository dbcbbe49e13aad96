#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk in any format that QEMU can write gives the image of the raw disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
ext4_disk disk.raw 24M
convert disk.raw wanted
check_image wanted disk.raw
while read -r format options; do
  rm -f -- converted*
  if ! qemu-img convert -f raw -O "$format" ${options:+-o "$options"} disk.raw converted 2>convert.log; then
    echo "not tested, this qemu-img does not write it: $format $options: $(<convert.log)"
    continue
  fi
  convert converted image -f "$format"
  if [[ $format != vpc || $options == *force_size* ]]; then
    same image wanted
  else  # its sizes are multiples of a cylinder
    qemu-img info --output=json -f "$format" converted >info.json
    cp disk.raw padded.raw
    truncate -s "$(json info.json virtual-size)" padded.raw
    (($(size_of padded.raw) >= $(size_of disk.raw)))
    convert padded.raw padded
    same image padded
  fi
done <<'EOT'
qcow2 compat=0.10
qcow2 compat=1.1
qcow2 compat=1.1,cluster_size=512,refcount_bits=1
qcow2 compat=1.1,cluster_size=2M,refcount_bits=64,lazy_refcounts=on
qcow
qed
qed cluster_size=4096
vdi
vdi static=on
vmdk subformat=monolithicSparse
vmdk subformat=monolithicFlat
vmdk subformat=twoGbMaxExtentSparse
vmdk subformat=twoGbMaxExtentFlat
vmdk subformat=streamOptimized
vhdx subformat=dynamic
vhdx subformat=fixed,block_size=1M
vpc subformat=dynamic
vpc subformat=fixed
vpc subformat=dynamic,force_size=on
parallels
parallels cluster_size=64k
raw
EOT

# The raw driver of QEMU sees the same disk as we do.
rm -f -- converted
expect_status 0 "$tool" --blockdev '{"driver":"raw","file":{"driver":"file","filename":"disk.raw"}}'
expect_silence
same stdout wanted

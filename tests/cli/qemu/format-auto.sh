#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -f auto finds the format, whatever the file is called; without it nobody looks.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted
convert disk.raw image -f auto
same image wanted
for format in qcow2 qcow qed vmdk vdi vhdx vpc parallels; do
  file="./disk,of:$format.raw"
  qemu-img convert -f raw -O $format disk.raw "$file" 2>convert.log || continue
  convert "$file" as-format -f $format
  convert "$file" image -f auto
  same image as-format
  convert "$file" image --input-format=auto
  same image as-format
  # Wrapped as it is: a disk that holds an image.
  convert "$file" image -f raw
  check_image image "$file"
  expect_status 0 "$tool" "$file"
  same stdout image
  expect_messages 1
  expect_stderr "looks like a $format image and is wrapped as it is; say -f $format to convert it, -f raw to silence this"
done

# A backing file and a data file are opened with the format that the image says.
qemu-img create -q -f qcow2 -b disk.raw -F raw top.img
convert top.img image -f auto
same image wanted

: >empty
convert empty image -f auto
convert empty wanted
same image wanted
expect_refusal 1 'missing: .*No such file' "$tool" -f auto missing
expect_refusal 1 '.' "$tool" -f auto .

# Neither raw disks nor qcow2 images need QEMU for that.
mkdir nothing
qemu-img convert -f raw -O qcow2 disk.raw without.img
for file in without.img disk.raw; do
  PATH=$dir/nothing "$tool" -f auto "$file" >image
  same image <("$tool" disk.raw)
done

# What QEMU knows by its name, and what it does not know by its content: never wrapped in silence.
head -c 1M disk.raw >small.raw
data small.raw 0 1*M
convert small.raw small.qcow2
"$helpers/dmg.py" small.raw small.dmg zlib
if qemu-img compare -q -f raw -F dmg small.raw small.dmg 2>compare.log; then
  for option in -f --input-format; do
    convert small.dmg image $option auto
    same image small.qcow2
  done
  convert small.raw increment --base small.dmg --base-format auto -B base -F raw
  convert small.raw wanted --base small.raw -B base -F raw
  same increment wanted
fi
cp small.dmg other.img
ends_like='it begins like none, and ends like a dmg image; name its format'
expect_refusal 1 "other.img: its format cannot be told: $ends_like" "$tool" -f auto other.img
expect_refusal 1 "$ends_like" "$tool" --base other.img --base-format auto -B base -F raw small.raw
expect_refusal 1 "$ends_like" "$tool" --shallow -f auto -B base -F raw other.img
expect_refusal 1 "$ends_like" "$tool" --dirty-bitmap b -f auto -B base -F raw other.img
cp small.raw no.dmg
expect_refusal 1 'no\.dmg: QEMU cannot open it' "$tool" -f auto no.dmg
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on small.raw fixed.vhd
expect_refusal 1 'ends like a vpc image' "$tool" -f auto fixed.vhd
convert fixed.vhd image -f vpc
check_image image small.raw
convert fixed.vhd image -f raw
check_image image fixed.vhd

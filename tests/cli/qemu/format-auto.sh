#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -f auto asks qemu-img for the format, whatever the file is called; without it nobody is asked.
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
expect_refusal 2 '-f' "$tool" -f auto nbd://localhost

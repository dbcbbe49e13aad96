#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that starts like an image is wrapped as it is, with a warning unless -f says raw.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
for format in qcow2 vmdk vdi vhdx vpc qed parallels; do
  qemu-img create -q -f "$format" disk.img 1M 2>create.log || continue
  expect_status 0 "$tool" disk.img
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: disk\.img: looks like a $format image"
  expect_stderr '-f raw'
  check_image stdout disk.img
  cp stdout wanted
  convert disk.img image -f raw
  same image wanted
  convert disk.img image --quiet
  same image wanted
  rm disk.img
done
[[ -s wanted ]] || fail "no format was tried"
printf 'QFI' >disk.img
convert disk.img image

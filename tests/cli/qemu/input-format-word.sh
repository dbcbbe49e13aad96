#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The input format is a word: raw is read directly; what cannot be a name is refused before the disk is
# opened, what QEMU does not know by QEMU.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
convert disk.raw wanted
convert disk.raw image -f raw
same image wanted
convert disk.raw image --input-format=raw
same image wanted
for word in 'non,sense' Raw 'raw,x=y' ../raw; do
  expect_refusal 2 '-f, --input-format:' "$tool" -f "$word" disk.raw
  expect_refusal 2 '-f, --input-format:' "$tool" --input-format "$word" missing.raw
done
need qemu-nbd
expect_refusal 1 "disk.raw: QEMU cannot open it: .*nonsense" "$tool" -f nonsense disk.raw

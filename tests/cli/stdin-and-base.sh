#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An increment of a stream is that of the file, though comparing reads the stream before the image.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 5M base.raw
data base.raw 100*K 3*M
cp base.raw disk.raw
data disk.raw 1*M+5 200*K
truncate -s 4500001 disk.raw
dd if=/dev/zero of=disk.raw bs=64K seek=40 count=2 conv=notrunc status=none

for options in '' '--scan none' '--scan none -c 512' '--scan holes' '--scan none --compress' '--scan none --offset 200000'; do
  options+=' -f raw -B base.raw -F raw --base base.raw'
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >wanted
  # shellcheck disable=SC2086,SC2002
  cat disk.raw | "$tool" --size 4500001 $options - >image 2>stderr || fail "$options"
  expect_silence
  same image wanted
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A raw disk is read without QEMU, and an NBD disk without any program.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 3M disk.raw
data disk.raw 0 1*M
printf 'QFI\xfb\0\0\0\3' | dd of=disk.raw conv=notrunc status=none
mkdir programs
for program in qemu-storage-daemon qemu-nbd qemu-img; do
  printf '#!/bin/sh\ntouch "%s/started"\nexit 1\n' "$dir" >programs/$program
  chmod +x programs/$program
done
convert disk.raw wanted -f raw
PATH=$dir/programs:$PATH
expect_refusal 1 . "$tool" -f vmdk disk.raw
[[ -e started ]] || fail "the test does not see what is started"
rm started
convert disk.raw image -f raw
same image wanted
expect_status 0 "$tool" disk.raw
same stdout wanted
if type -P nbdkit >/dev/null; then
  serve socket file disk.raw
  expect_status 0 "$tool" 'nbd+unix:///?socket=socket'
  same stdout wanted
  expect_status 0 "$tool" -f raw [ nbdkit --readonly file disk.raw ]
  expect_silence
  same stdout wanted
fi
[[ ! -e started ]] || fail "QEMU was started"

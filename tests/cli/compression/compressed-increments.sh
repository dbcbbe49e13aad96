#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An increment may be compressed, with subclusters too: QEMU finds the disk in it and its backing file.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
# A backing file with data, zeros that become data, data that becomes zeros.
truncate -s 6000001 base.raw
data base.raw 0 2*M
cp base.raw disk.raw
data disk.raw 1*M+777 5000 99
data disk.raw 4*M 200*K
dd if=/dev/zero of=disk.raw bs=64k seek=5 count=3 conv=notrunc status=none
head -c 150000 /dev/urandom | dd of=disk.raw oflag=seek_bytes seek=5000001 conv=notrunc status=none

for options in --compress '--compress=zstd -c 4k' '--compress --extended-l2' \
  '--compress=zstd --extended-l2 -c 2M'; do
  # shellcheck disable=SC2086
  convert disk.raw wanted --base base.raw -B base.raw -F raw $options
  check_image wanted disk.raw
  # shellcheck disable=SC2086
  convert disk.raw full.image $options
  check_image full.image disk.raw
  [[ $options == *2M* ]] || (($(size_of wanted) < $(size_of full.image))) || fail "no smaller: $options"
  # shellcheck disable=SC2086
  convert disk.raw image --base base.raw -B base.raw -F raw --spool-memory 0 -T 3 $options
  same image wanted
done

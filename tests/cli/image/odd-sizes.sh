#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The disk is padded with zeros to a multiple of 512, and its last cluster to a whole one.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
for size in 1 511 512 513 1023 4095 65535 65536 65537 131071 1000001 $((32 * M + 1)); do
  rm -f disk.raw
  truncate -s "$size" disk.raw
  data disk.raw 0 "size > 3000 ? 3000 : size"
  data disk.raw "size - 1" 1
  for options in '' '-c 512'; do
    # shellcheck disable=SC2086
    convert disk.raw image $options
    check_image image disk.raw
    qemu-img info --output=json -f qcow2 image >info.json
    grep -Eq "\"virtual-size\": $(((size + 511) / 512 * 512)),?\$" info.json || fail "virtual size of $size"
    qemu-img convert -f qcow2 -O raw image back
    same disk.raw <(head -c "$size" back)
    [[ -z $(tail -c +$((size + 1)) back | tr -d '\0') ]] || fail "$size: not padded with zeros"
    (($(size_of image) % 512 == 0))
  done
done

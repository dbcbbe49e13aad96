#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Pieces of the image, of any size, put together are the image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 5000001 disk.raw
data disk.raw 0 300*K
data disk.raw 2*M+1 1*M
data disk.raw 5000000 1
for options in '' '-c 512 -r 1' '-c 2M' '-v 2 -c 4096'; do
  # shellcheck disable=SC2086
  convert disk.raw whole $options
  size=$(size_of whole)
  offset=0
  : >joined
  for length in 1 511 512 513 7 4095 65537 1 3 99999 262143 1000000 8 8 8 500009 "$size"; do
    # shellcheck disable=SC2086
    convert disk.raw piece $options --offset $offset --length "$length"
    rest=$((size - offset))
    [[ $(size_of piece) == $((length < rest ? length : rest)) ]] || fail "$length bytes at $offset"
    cat piece >>joined
    offset=$((offset + $(size_of piece)))
  done
  same joined whole
done

# L2 entries are cut in half, too.
convert disk.raw whole -c 512
for offset in $(seq 1530 5 1600) $(seq 8191 3 8230); do
  "$tool" -c 512 --offset "$offset" --length 3 disk.raw
  part whole offset+3 2
done >joined
for offset in $(seq 1530 5 1600) $(seq 8191 3 8230); do
  part whole offset 5
done >wanted
same joined wanted

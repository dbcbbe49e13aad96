#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Pieces of a compressed image, of any size, put together are the image, and --measure knows its size.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 3000001 disk.raw
data disk.raw 0 300*K
head -c 300000 /dev/urandom | dd of=disk.raw oflag=seek_bytes seek=1000003 conv=notrunc status=none
data disk.raw 2*M+1 500*K
data disk.raw 3000000 1
for options in '--compress' '--compress -v 2 -c 512' '--compress=zstd -c 4k -r 4' '--compress=zstd -c 2M'; do
  # shellcheck disable=SC2086
  convert disk.raw whole $options
  size=$(size_of whole)
  # shellcheck disable=SC2086
  [[ $("$tool" --measure=size $options disk.raw) == "$size" ]] || fail "--measure=size $options"
  # shellcheck disable=SC2086
  "$tool" --measure=json $options disk.raw >measured
  (($(json measured required) == size && $(json measured clusters compressed) > 0)) ||
    fail "--measure=json $options: $(<measured)"
  [[ $options == *zstd* ]] && type=zstd || type=zlib
  [[ $(json measured compression-type) == "$type" ]] || fail "not $type: $(<measured)"
  for kept in '' '--spool-memory 0' '--spool-memory 50K' '--spool-memory 50K --spool-dir .'; do
    offset=0
    : >joined
    for length in 1 511 65537 12345 99999 250001 3 8 100003 "$size"; do
      # shellcheck disable=SC2086
      convert disk.raw piece $options $kept --offset $offset --length "$length"
      rest=$((size - offset))
      [[ $(size_of piece) == $((length < rest ? length : rest)) ]] || fail "$length bytes at $offset"
      cat piece >>joined
      offset=$((offset + length < size ? offset + length : size))
    done
    same joined whole
  done
done

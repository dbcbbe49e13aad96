#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Pieces of an increment, of any size and from any place, are those of the whole; --if-match and the number of
# threads work as for a full image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 5000001 disk.raw
data disk.raw 0 5000001
cp disk.raw base.raw
truncate -s 6M base.raw
data disk.raw 300*K 70*K 9
data disk.raw 5000000 1 9
dd if=/dev/zero of=disk.raw bs=1000 seek=2000 count=900 conv=notrunc status=none
echo '[{"offset":65536,"length":500000,"exists":"true"},{"offset":2000000,"length":900000,"exists":"false"}]' >list
for options in '' '-c 512' '-c 512 -v 2' '-v 2 -c 4096' '--extended-l2' '--extended-l2 -c 16k' '-c 2M'; do
  for source in '--base base.raw' '--changed-map list'; do
    set -- disk.raw -B base.raw -F raw
    # shellcheck disable=SC2086
    set -- "$@" $source $options
    "$tool" "$@" >whole
    offset=0
    for length in 1 511 512 513 7 65537 99999 3 262143 500009 8 16 "$(size_of whole)"; do
      "$tool" "$@" --offset $((offset < $(size_of whole) ? offset : $(size_of whole))) --length "$length"
      offset=$((offset + length))
    done >joined
    same joined whole
    same whole <("$tool" "$@" -T 1)
    id=$("$tool" "$@" --measure=json | sed -n 's/.*"image-id": *"\([^"]*\)".*/\1/p')
    same whole <("$tool" "$@" --if-match "$id" -T 3)
    expect_refusal 4 "$id" "$tool" "$@" --if-match "${id}0"
  done
done

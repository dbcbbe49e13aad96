#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An output file is written where it stands, and is neither truncated nor changed elsewhere.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K
data disk.raw 700*K 1  # the last cluster of the image ends with zeros
convert disk.raw image
size=$(size_of image)
head -c 4000000 /dev/zero | tr '\0' x >xs

for position in 0 1 4096 65537; do
  cp xs file
  exec 3<>file
  dd bs=1 count="$position" status=none <&3 >/dev/null
  "$tool" disk.raw >&3
  printf 'after' >&3
  exec 3>&-
  { head -c "$position" xs; cat image; printf after; tail -c +$((position + size + 6)) xs; } >wanted
  same file wanted
done

printf 'before' >file
"$tool" disk.raw >>file
printf 'after' >>file
same file <(printf before; cat image; printf after)
{ printf 'before'; "$tool" disk.raw; printf 'after'; } >file
same file <(printf before; cat image; printf after)
{ printf 'before'; "$tool" -c 2M disk.raw; } >file
same file <(printf before; "$tool" -c 2M disk.raw | cat)

# The parts of a transfer, each by itself, in any order.
for offset in 200000 0 100000; do
  "$tool" --offset "$offset" --length 100000 disk.raw |
    dd of=parts bs=1M iflag=fullblock oflag=seek_bytes seek="$offset" conv=notrunc status=none
done
same <(head -c 300000 image) <(head -c 300000 parts)

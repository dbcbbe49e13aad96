#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --scan: leave out what reads as zeros (default), what the source calls a hole, or nothing.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 10M stored.raw
head -c 10M /dev/zero | dd of=stored.raw bs=1M iflag=fullblock conv=notrunc status=none
data stored.raw 3*M 100*K
cp --sparse=always stored.raw holes.raw
same stored.raw holes.raw
touch -r stored.raw holes.raw
(($(stat -c %b holes.raw) < $(stat -c %b stored.raw))) || skip "no holes in files here"

convert stored.raw wanted
check_image wanted stored.raw
for disk in stored.raw holes.raw; do
  for options in '' '--scan zeros' '--scan=zeroes' '--no-extents' '--no-extents -T 3'; do
    # shellcheck disable=SC2086
    convert $disk image $options
    same image wanted
  done
  convert $disk image --scan none
  check_image image stored.raw
  [[ $("$tool" --measure $disk | grep -c "^fully allocated size: $(size_of image)\$") == 1 ]]
  (($(size_of image) > 10 * M))
  same image <("$tool" --allocated $disk)
done

# Without the extents there are no holes.
same <("$tool" --no-extents --scan holes holes.raw 2>stderr) <("$tool" --scan none holes.raw)

# Stored zeros get space if only the source is asked, holes do not.
convert holes.raw image --scan holes
check_image image holes.raw
(($(size_of image) <= $(size_of wanted) + 2 * 65536))
convert stored.raw image --scan holes
check_image image stored.raw
(($(size_of image) > 10 * M))

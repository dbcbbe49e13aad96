#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sizes take units that are powers of 1024; what could be read in two ways is refused.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 200*K
convert disk.raw wanted -c 65536
for size in 64k 64K 64KiB 0x10000; do
  convert disk.raw image -c "$size"
  same image wanted
done
convert disk.raw wanted -c 2097152
for size in 2M 2MiB 2048k; do
  convert disk.raw image -c "$size"
  same image wanted
done

convert disk.raw whole
for offset in 1k 1K 1KiB 1024 0x400; do
  convert disk.raw piece --offset "$offset" --length 0x64
  same piece <(part whole 1024 100)
done
for length in 1G 1T 1P 1E 1GiB 1TiB 1PiB 1EiB; do
  convert disk.raw piece --length "$length"
  same piece whole
done

for option in --cluster-size --offset --length; do
  for size in 64kB 64KB 1MB 1GB '' ' ' k -1 +1k- 1.5k '64 k' 64x 64kk 0x 0xg 12abc \
    16E 99999999999999999999 18446744073709551616; do
    expect_refusal 2 "$option" "$tool" "$option" "$size" disk.raw
  done
done
expect_refusal 2 "-c" "$tool" -c 64kB disk.raw

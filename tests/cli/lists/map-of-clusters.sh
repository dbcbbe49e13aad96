#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --map takes the clusters with data from a disk's header: pairs of the first and the last of a run, the last one
# included.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s $((8*M + 1000)) disk.raw
data disk.raw 1*M 128*K
data disk.raw 5*M 70000
data disk.raw 8*M 1000
convert disk.raw wanted

# The last cluster may go on where the disk ends.
header='{"virtual_size": 8389608, "cluster_bits": 16, "data_clusters": [[16, 17], [80, 81], [128, 128]]}'
for map in "$header" '{"cluster_bits":12,"data_clusters":[[2048,2048],[1280,1297],[256,287]]}'; do
  printf '%s' "$map" >map.json
  convert disk.raw image --map map.json
  same image wanted
  convert disk.raw image --scan holes --map map.json
  check_image image disk.raw
  same image <(printf '%s' "$map" | "$tool" --scan holes --map /dev/stdin disk.raw)
  expect_status 0 "$tool" --measure=json --scan holes --map map.json disk.raw
  [[ $(json stdout clusters data) == 5 ]] || fail "$(json stdout clusters data) clusters with data"
done

# What is not listed is not in the image.
echo '{"cluster_bits":16,"data_clusters":[[16,16]]}' >map.json
convert disk.raw image --map map.json
cp --sparse=always disk.raw first.raw
for hole in "1*M+64*K 64*K" "5*M 70000" "8*M 1000"; do
  read -r begin length <<<"$hole"
  dd if=/dev/zero of=first.raw bs=1M iflag=count_bytes oflag=seek_bytes count="$((length))" seek="$((begin))" \
    conv=notrunc status=none
done
check_image image first.raw

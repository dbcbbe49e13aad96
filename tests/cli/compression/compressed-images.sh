#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU finds no error in compressed images and reads the disk: for data that shrinks, that does not,
# and for both side by side, and whatever the clusters, the encoding and the size of the disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
data text.raw 0 200*K
head -c 200001 /dev/urandom >random.raw
tr '\0' '\253' </dev/zero | head -c 1M >equal.raw || true
truncate -s 1000001 mixed.raw
for n in {0..9}; do
  part random.raw n*9000 n*2000 |
    dd of=mixed.raw oflag=seek_bytes seek=$((n * 100001)) conv=notrunc status=none
  data mixed.raw n*100001+60000 n*1500
done
data mixed.raw 999999 2

# count_clusters: how many hold data, and how many of them have the flag of compressed ones.
count_clusters() {
  "$helpers/l2_entries.py" image >entries
  compressed=$(grep -c '^[0-9a-f]* [4-7][0-9a-f]\{15\}$' entries || true)
  all=$(grep -c '^[0-9a-f]* [0-9a-f]*$' entries || true)
}

for cluster in 512 4k 64k 2M; do
  for kind in '--compress -v 2' '--compress=zlib:6 --deflate-window 32k' '--compress=zstd'; do
    for disk in text random mixed equal; do
      # shellcheck disable=SC2086
      convert $disk.raw image -c $cluster $kind
      check_image image $disk.raw
      count_clusters
      case $disk in
        text | equal) ((compressed == all)) ;;
        random) ((compressed <= 1)) ;; # the last one, which zeros fill up
        mixed) ((compressed > 0)) ;;
      esac || fail "$compressed of $all clusters of $disk.raw compressed with $kind -c $cluster"
    done
  done
done

# From one byte to a few sectors more than two clusters.
for size in 1 511 513 65535 65536 65537 $((2 * 65536 + 1025)); do
  head -c $size text.raw >disk.raw
  for kind in --compress --compress=zstd; do
    convert disk.raw image $kind
    check_image image disk.raw
  done
done

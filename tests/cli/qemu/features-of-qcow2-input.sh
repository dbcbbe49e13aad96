#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever a qcow2 image may hold (zero and compressed clusters, subclusters, snapshots, a data
# file), what comes out is the image of the disk that a guest sees.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
ext4_disk disk.raw 8M

# Zero clusters: with and without space of their own, and a discarded one.
qemu-img create -q -f qcow2 zeros.qcow2 8M
qemu-io -f qcow2 -c 'write -P 0x5a 0 4M' -c 'write -z 1M 256k' -c 'write -zu 2M 256k' \
  -c 'write -z 3000000 5000' -c 'discard 3M 128k' -c 'write -z 6M 1M' zeros.qcow2 >io.log
same_as_flat zeros.qcow2 qcow2
same_as_flat zeros.qcow2 qcow2 -c 4096 -v 2

# Compressed clusters, some of them overwritten.
for options in '' 'compression_type=zstd' 'cluster_size=4096' 'cluster_size=2M'; do
  rm -f packed.qcow2
  qemu-img convert -c -f raw -O qcow2 ${options:+-o "$options"} disk.raw packed.qcow2 2>convert.log || continue
  same_as_flat packed.qcow2 qcow2
  qemu-io -f qcow2 -c 'write -P 1 100k 100k' -c 'write -P 2 5000000 1' packed.qcow2 >io.log
  same_as_flat packed.qcow2 qcow2
done

# Subclusters: data, zeros and nothing within one cluster.
qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k sub.qcow2 8M
qemu-io -f qcow2 -c 'write -P 3 0 4k' -c 'write -P 4 12k 8k' -c 'write -z 4k 4k' -c 'write -P 5 1M 1M' \
  -c 'write -z 1056k 36k' -c 'write -P 6 8380416 512' sub.qcow2 >io.log
same_as_flat sub.qcow2 qcow2

# A snapshot within the image is not the disk.
qemu-img convert -f raw -O qcow2 disk.raw snapshots.qcow2
qemu-img snapshot -c before snapshots.qcow2
qemu-io -f qcow2 -c 'write -P 7 3M 300k' -c 'write -z 0 64k' snapshots.qcow2 >io.log
qemu-img snapshot -c after snapshots.qcow2
qemu-io -f qcow2 -c 'write -P 8 3M 64k' snapshots.qcow2 >io.log
same_as_flat snapshots.qcow2 qcow2 -q

# A data file.
for raw in off on; do
  qemu-img create -q -f qcow2 -o data_file=data.$raw,data_file_raw=$raw outside.$raw 8M
  qemu-io -f qcow2 -c 'write -P 9 1M 1M' -c 'write -z 1500k 64k' -c 'write -P 10 8388607 1' outside.$raw >io.log
  same_as_flat outside.$raw qcow2
done

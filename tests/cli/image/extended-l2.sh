#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --extended-l2: an increment holds subclusters, the rest of a cluster is zeros in the stream. A full image is
# the disk as always.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
truncate -s 20000001 disk.raw base.raw
data base.raw 0 20000001
cp base.raw disk.raw
data disk.raw 3*M+100 5000 7
data disk.raw 20000000 1 9
dd if=/dev/zero of=disk.raw bs=4096 seek=$((5 * M / 4096 + 3)) count=100 conv=notrunc status=none
for options in '-c 16k' '' '-c 2M' '-r 1' '--scan none' '--no-extents -T 3'; do
  # shellcheck disable=SC2086
  convert disk.raw image --extended-l2 $options
  check_image image disk.raw
  # shellcheck disable=SC2086
  convert disk.raw image.qcow2 --extended-l2 --base base.raw -B base.raw -F raw $options
  check_image image.qcow2 disk.raw
  # shellcheck disable=SC2086
  [[ $("$tool" disk.raw --extended-l2 --base base.raw -B base.raw -F raw --measure=size $options) == \
    "$(size_of image.qcow2)" ]]
  # QEMU goes on writing to it.
  qemu-io -f qcow2 -c 'write -q -P 7 3M 1k' -c 'write -q -z 19M 9k' image.qcow2
  qemu-img check -q image.qcow2
done
qemu-img info image.qcow2 | finds 'extended l2: true'

# With clusters of 2 MiB, 64 KiB are held where 5000 bytes differ.
convert disk.raw image.qcow2 --extended-l2 -c 2M --base base.raw -B base.raw -F raw
qemu-img map --output=json image.qcow2 >map.json
python3 - <<'END'
import json
runs = [(e["start"], e["length"]) for e in json.load(open("map.json")) if e["depth"] == 0 and e["data"]]
assert runs == [(3 << 20, 65536), (5 << 20, 65536), (5636096, 65536), (19988480, 11776)], runs
END

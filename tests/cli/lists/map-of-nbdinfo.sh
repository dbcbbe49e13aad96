#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --map takes what `nbdinfo --map --json` says of base:allocation, and only that.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-nbd nbdinfo nbdkit
truncate -s $((10 * M + 1000)) disk.raw
data disk.raw 3*M+7 1*M
data disk.raw 10*M 1000
convert disk.raw wanted
nbdinfo --map --json -- [ nbdkit --exit-with-parent file disk.raw ] >map.json || skip "no NBD here"
for scan in zeros holes; do
  convert disk.raw image --scan $scan --map map.json
  check_image image disk.raw
done
same <("$tool" --map map.json disk.raw) wanted
same <("$tool" --scan holes --map map.json disk.raw) <("$tool" --scan holes disk.raw)

# A server without extents: everything is data, and looked into.
nbdinfo --map --json -- [ nbdkit --exit-with-parent --filter=noextents file disk.raw ] >all.json
convert disk.raw image --map all.json
same image wanted
expect_status 0 "$tool" --measure=json --scan holes --map all.json disk.raw
[[ $(json stdout clusters unallocated) == 0 ]]

# The totals of a map, and a dirty bitmap.
nbdinfo --map --totals --json -- [ nbdkit --exit-with-parent file disk.raw ] >totals.json
expect_refusal 1 'totals.json: entry 1: has neither a start nor an offset' \
  "$tool" --map totals.json disk.raw
qemu-img create -q -f qcow2 bitmap.qcow2 10M
qemu-img bitmap --add bitmap.qcow2 changes
qemu-io -f qcow2 -c 'write -q 1M 64k' bitmap.qcow2 >/dev/null
nbdinfo --map=qemu:dirty-bitmap:changes --json -- \
  [ qemu-nbd -r -f qcow2 -B changes bitmap.qcow2 ] >dirty.json || skip "no socket activation"
truncate -s 10M empty.raw
expect_refusal 1 "dirty.json: entry 1 \(offset 0, length [0-9]+\): '(dirty|clean)' is of a dirty bitmap" \
  "$tool" --map dirty.json empty.raw

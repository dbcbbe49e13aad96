#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What has become zeros is a zero cluster over a backing file and stored without one: some readers take a
# zero cluster for one at the start of the file. --measure=json counts them exactly.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 4M base.raw disk.raw
data base.raw 0 4*M
cp base.raw disk.raw
dd if=/dev/zero of=disk.raw bs=64K seek=10 count=7 conv=notrunc status=none
data disk.raw 3*M 100 7
echo '[{"start":0,"length":4194304}]' >all
# counts DATA ZERO UNALLOCATED OPTION...
counts() {
  "$tool" disk.raw "${@:4}" --measure=json >measure.json
  python3 - "${@:1:3}" <<'END' || fail "${*:4}: $(<measure.json)"
import json, sys
measure = json.load(open("measure.json"))
data, zero, unallocated = map(int, sys.argv[1:])
assert measure["clusters"] == {"data": data, "zero": zero, "compressed": 0, "unallocated": unallocated}
assert sum(measure["regions"].values()) == measure["required"]
END
  convert disk.raw image.qcow2 "${@:4}"
  [[ $(json measure.json required) == "$(size_of image.qcow2)" ]]
  "$helpers/l2_entries.py" image.qcow2 >entries
  [[ $(grep -c '^[0-9a-f]* 1$' entries || true) == "$2" ]]
  qemu-img rebase -u -f qcow2 -b base.raw -F raw image.qcow2
  check_image image.qcow2 disk.raw
}
over=(-B base.raw -F raw)
counts 1 7 56 --base base.raw "${over[@]}"
counts 8 0 56 --base base.raw
counts 8 0 56 --base base.raw "${over[@]}" --scan none
counts 57 7 0 --changed-map all "${over[@]}"
counts 64 0 0 --changed-map all
counts 64 0 0 --changed-map all --scan holes "${over[@]}"

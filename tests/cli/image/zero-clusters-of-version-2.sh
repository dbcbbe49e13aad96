#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Version 2 has no flag for zeros. Over a backing file its zero clusters share as few clusters as refcounts of
# 16 bits allow, 65535 references each.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
truncate -s 34M base.raw disk.raw
data base.raw 0 34*M
data disk.raw 5*M 5000
# version NAME SIZE CLUSTERS-OF-ZEROS REGION: of an increment with the first bytes of both.
version() {
  truncate -s "$2" base.raw disk.raw
  convert disk.raw image.qcow2 -c 512 -v "$1" --base base.raw -B base.raw -F raw
  check_image image.qcow2 disk.raw
  "$tool" disk.raw -c 512 -v "$1" --base base.raw -B base.raw -F raw --measure=json >measure.json
  [[ $(json measure.json clusters zero) == "$3" ]] || fail "$(<measure.json)"
  [[ $(json measure.json required) == "$(size_of image.qcow2)" ]]
  [[ $(grep -o '"zero-clusters": *[0-9]*' measure.json | grep -o '[0-9]*$') == "$4" ]] || fail "$(<measure.json)"
}
version 3 34M $((34 * M / 512 - 10)) ''
version 2 34M $((34 * M / 512 - 10)) 1024
# One more than they can share has a cluster to itself, and its entry says so.
version 2 $(((65536 + 10) * 512)) 65536 1024
"$helpers/l2_entries.py" image.qcow2 | tail -n 1 | finds ' 8[0-9a-f]*$' || fail "not alone"
version 2 $(((65535 + 10) * 512)) 65535 512
# What was written may be written to.
qemu-io -f qcow2 -c 'write -q -P 5 1M 70k' image.qcow2 >/dev/null
qemu-img check -q image.qcow2

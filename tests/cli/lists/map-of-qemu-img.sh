#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --map takes what `qemu-img map --output=json` says: of the disk itself, of the image it was converted
# from or to, and of disks whose size is odd.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s $((20 * M + 1000)) disk.raw
data disk.raw 0 5000
data disk.raw 3*M+7 1*M
data disk.raw 20*M 900
convert disk.raw wanted
map() { qemu-img map --output=json "$@"; }

map -f raw disk.raw >raw.json
map -f qcow2 wanted >qcow2.json
qemu-img convert -c -f raw -O qcow2 disk.raw compressed.qcow2
map -f qcow2 compressed.qcow2 >compressed.json
# As before QEMU 6.1.
sed -E 's/"present": [a-z]+, //' raw.json >old.json
for json in raw qcow2 compressed old; do
  for scan in zeros holes; do
    convert disk.raw image --scan $scan --map $json.json
    check_image image disk.raw
  done
  convert disk.raw image --map=$json.json
  same image wanted
  same image <("$tool" --map <(cat $json.json) disk.raw)
done

# The map of the raw file says what the file's holes say.
same <("$tool" --scan holes disk.raw) <("$tool" --scan holes --map raw.json disk.raw)

# Through a backing chain. (QEMU rounds to 512.)
truncate -s %512 disk.raw
cp --sparse=always disk.raw changed.raw
data changed.raw 9*M 70000 5
qemu-img create -q -f qcow2 -b disk.raw -F raw top.qcow2
qemu-io -f qcow2 -c "write -q -P 7 9M 70000" top.qcow2 >/dev/null
qemu-img convert -f qcow2 -O raw top.qcow2 flat.raw
map top.qcow2 >chain.json
grep -q '"depth": 1' chain.json
convert flat.raw image --scan holes --map chain.json
check_image image flat.raw

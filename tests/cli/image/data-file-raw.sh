#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -R: an external data file that is a raw image by itself, so every cluster is mapped.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 5000192 disk.raw
data disk.raw 70*K 200*K
for options in '' '-c 1k' '-c 2M -r 8' '-d'; do
  # shellcheck disable=SC2086
  convert disk.raw image -R $options
  check_image image disk.raw
  "$helpers/l2_entries.py" image >entries
  grep -qx 'header incompatible 4' entries
  grep -qx 'header autoclear 2' entries
  grep -qx "extension 44415441 b'disk.raw'" entries
  cluster=$(sed -n 's/^header cluster-size //p' entries)
  [[ $(grep -c '^[0-9a-f]* [0-9a-f]*$' entries) == $(((5000192 + cluster - 1) / cluster)) ]]
  qemu-img info --output=json -f qcow2 image >info.json
  [[ $(json info.json format-specific data data-file-raw) == True ]]
  [[ $(json info.json format-specific data data-file) == disk.raw ]]
done
convert disk.raw image --data-file-raw --data-file=other.raw
convert disk.raw other --data-file=other.raw -R
same image other

# Nothing of the disk is in the image, and what a guest writes lands in the data file.
convert disk.raw image -R
(($(size_of image) == 5 * 64 * K))
if type -P qemu-io >/dev/null; then
  qemu-io -f qcow2 -c 'write -P 0x55 4M 64k' image >write.log 2>&1 || fail "$(<write.log)"
  same <(part disk.raw 4*M 64*K) <(head -c 65536 /dev/zero | tr '\0' U)
  check_image image disk.raw
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A block device gives the same image as the file behind it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 20M disk.raw
data disk.raw 3*M+5 1*M
data disk.raw 20*M-1 1
loop_device disk.raw -r
convert disk.raw wanted
convert "$loop" image
same image wanted
check_image image disk.raw
convert "$loop" image -c 512 -r 1 --no-extents
same image <("$tool" -c 512 -r 1 disk.raw)

# Nobody sees whether a device was overwritten.
"$tool" --measure=json "$loop" >measure.json
[[ $(json measure.json change-detection) == none ]]
[[ $(json measure.json image-id) == *.- ]]
[[ $(json measure.json virtual-size) == $((20 * M)) ]]

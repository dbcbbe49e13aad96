#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An empty disk is a valid image of size 0.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
: >disk.raw
for options in '' '-c 512' '-c 2M' '-v 2' '-r 1' '-r 64' '--scan none' '--scan holes' '-T 4'; do
  # shellcheck disable=SC2086
  convert disk.raw image $options
  check_image image disk.raw
  # shellcheck disable=SC2086
  [[ $("$tool" --measure=size $options disk.raw) == "$(size_of image)" ]]
done
convert disk.raw image
# One entry without a byte is what qemu-img says of it.
qemu-img map --output=json -f qcow2 image >map.json
convert disk.raw mapped --map map.json
same mapped image
convert disk.raw mapped --changed-map map.json
same mapped image
"$helpers/l2_entries.py" image >entries
grep -qx 'header virtual-size 0' entries
[[ $(qemu-img convert -O raw image /dev/stdout | wc -c) == 0 ]]

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk in a format that QEMU reads but does not write gives the image of the raw disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 qemu-img
ext4_disk disk.raw 8M
convert disk.raw wanted
for kind in dmg-plist dmg-resources bochs-1 bochs-2 cloop; do
  format=${kind%%-*}
  "$helpers/foreign_image.py" "$kind" disk.raw >"disk.$format"
  if ! qemu-img info -f "$format" "disk.$format" >info.log 2>&1; then
    grep -q "Unknown driver" info.log || fail "a wrong $kind image: $(<info.log)"
    echo "not tested, this QEMU does not read it: $format"
    continue
  fi
  qemu-img compare -q -f raw -F "$format" disk.raw "disk.$format" || fail "a wrong $kind image"
  convert "disk.$format" image -f "$format"
  same image wanted
  # Ends on a sector, within a chunk.
  [[ $kind == dmg-plist || $kind == bochs-2 ]] || continue
  head -c $((3 * M + 512)) disk.raw >short.raw
  "$helpers/foreign_image.py" "$kind" short.raw >"short.$format"
  convert short.raw short
  convert "short.$format" image -f "$format"
  same image short
done
[[ -s image ]] || skip "this QEMU reads none of these formats"

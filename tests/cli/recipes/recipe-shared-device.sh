#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a block device that another host writes to gives old blocks for as long as somebody has it
# open; two ways to read the new ones. (The other host is whoever writes to the file below a loop device.)
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img qemu-storage-daemon blockdev
seed=0
truncate -s 4M shared.raw
data shared.raw 0 2*M
loop_device shared.raw
exec {held}<"$loop"
for recipe in flush-device direct; do
  cat "$loop" >/dev/null
  data shared.raw 1*M 1*M "$((++seed + 100))"
  sync shared.raw
  convert "$loop" stale.qcow2 -q -f raw
  ! qemu-img compare -q -f raw -F qcow2 shared.raw stale.qcow2 >/dev/null ||
    skip "loop devices keep nothing in memory here"
  broken recipe_fails $recipe disk="$loop"
  run_recipe $recipe disk="$loop"
  check_image monday.qcow2 shared.raw
  recipe_fails $recipe disk="$loop" # a link is not overwritten
  rm monday.qcow2
done
exec {held}<&-

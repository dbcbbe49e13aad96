#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md, README.md: an image goes back onto a device, over whatever was there; and whether a disk
# is the one that was saved can be told from the digest of its image, or by QEMU from the chain.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img nbdkit
truncate -s 9M disk.raw
data disk.raw 2*M 3*M
convert disk.raw monday.qcow2
run_recipe digest disk=disk.raw
run_recipe image-to-file
same vm.raw disk.raw
convert disk.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.qcow2 --base-format qcow2

# One device is as large as the disk, the other one larger. Before each recipe they hold something else.
# (Of what lies behind the disk, `compare` demands that it is zeros.)
device() {
  data device.raw 0 9*M "$((++seed))"
  truncate -s "$1" device.raw
  loop_device device.raw
}
seed=0
for size in 9M 11M; do
  for recipe in image-to-device restore-device; do
    device $size
    recipe_fails compare restored="$loop"
    run_recipe $recipe target="$loop"
    part "$loop" 0 9*M | cmp - disk.raw
    run_recipe compare restored="$loop"
  done
  if [[ $size == 9M ]]; then
    run_recipe verify restored="$loop"
    run_recipe same-disk target="$loop"
  else
    recipe_fails verify restored="$loop"
  fi
  run_recipe verify-larger restored="$loop" size=$((9 * M))
  # A byte is another one.
  printf x | dd of="$loop" bs=1 seek=3000000 conv=notrunc status=none
  for recipe in verify verify-larger compare; do
    recipe_fails $recipe restored="$loop" size=$((9 * M))
  done
  recipe_fails same-disk target="$loop"
done
recipe_fails verify restored=nosuch

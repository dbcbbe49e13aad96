#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: an increment of a bitmap that an image keeps; and why, after the disk became smaller and larger
# again, the disk has to be compared instead.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img qemu-io qemu-storage-daemon python3
settings=(bitmap=changes image=disk.qcow2)
qemu-img create -q -f qcow2 disk.qcow2 8M
qemu-io -f qcow2 -c 'write -q -P 7 0 8M' disk.qcow2
convert disk.qcow2 monday.qcow2 -f qcow2
qemu-img bitmap --add -f qcow2 disk.qcow2 changes
qemu-io -f qcow2 -c 'write -q -P 8 1M 64k' disk.qcow2

broken recipe_fails bitmap-in-image "${settings[@]}"
run_recipe bitmap-in-image "${settings[@]}"
qemu-img convert -f qcow2 -O raw disk.qcow2 now.raw
check_chain tuesday.qcow2 now.raw
recipe_fails bitmap-in-image "${settings[@]}"
rm tuesday.qcow2

qemu-img resize -q -f qcow2 --shrink disk.qcow2 4M
qemu-img resize -q -f qcow2 disk.qcow2 8M
qemu-img convert -f qcow2 -O raw disk.qcow2 now.raw
run_recipe bitmap-in-image "${settings[@]}"
! qemu-img compare -q -f raw -F qcow2 now.raw tuesday.qcow2 >/dev/null ||
  echo "this QEMU marks what has become zeros"
rm tuesday.qcow2
broken recipe_fails after-shrinking "${settings[@]}"
run_recipe after-shrinking "${settings[@]}"
check_chain tuesday.qcow2 now.raw
recipe_fails after-shrinking "${settings[@]}"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain becomes a disk again, whose links may lie elsewhere; a damaged one does not.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img python3
truncate -s 6M monday.raw
data monday.raw 0 3*M
cp monday.raw tuesday.raw
data tuesday.raw 1*M 100 8
dd if=/dev/zero of=tuesday.raw bs=64K seek=4 count=4 conv=notrunc status=none
convert monday.raw monday.qcow2
convert tuesday.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw

run_recipe restore
same disk.raw tuesday.raw
[[ $(grep -c '^image: ' recipe.log) == 2 ]]

rm disk.raw
cp monday.qcow2 sound.qcow2
printf '\0\0' | dd of=monday.qcow2 bs=1 seek=131074 conv=notrunc status=none # a count of references
recipe_fails restore
[[ ! -e disk.raw ]]
mv sound.qcow2 monday.qcow2

mkdir full
mv monday.qcow2 full
run_recipe rebase
check_chain tuesday.qcow2 tuesday.raw
convert tuesday.raw tuesday.qcow2 --base monday.raw # without -B
run_recipe rebase
check_chain tuesday.qcow2 tuesday.raw

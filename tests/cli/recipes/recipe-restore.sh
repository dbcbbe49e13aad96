#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain becomes a disk again, its links may lie elsewhere, the oldest takes in the next.
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
cp tuesday.raw wednesday.raw
data wednesday.raw 5*M 100
convert monday.raw monday.qcow2
convert tuesday.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw
convert wednesday.raw wednesday.qcow2 -B tuesday.qcow2 -F qcow2 --base tuesday.raw

run_recipe restore
same disk.raw tuesday.raw
[[ $(grep -c '^image: ' recipe.log) == 2 ]]

mkdir merge
cp monday.qcow2 tuesday.qcow2 wednesday.qcow2 merge
cd merge
run_recipe merge
check_chain wednesday.qcow2 ../wednesday.raw
[[ ! -e tuesday.qcow2 ]]
cd "$dir"

mkdir full
mv monday.qcow2 full
run_recipe rebase
check_chain tuesday.qcow2 tuesday.raw
convert tuesday.raw tuesday.qcow2 --base monday.raw # without -B
run_recipe rebase
check_chain tuesday.qcow2 tuesday.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# README.md: images and their increments become disks by qcow2-from-stdin, and are checked and compared with it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

truncate -s 6M monday.raw
data monday.raw 0 3*M
cp monday.raw tuesday.raw
data tuesday.raw 1*M 100 8
dd if=/dev/zero of=tuesday.raw bs=64K seek=4 count=4 conv=notrunc status=none
convert monday.raw monday.qcow2
convert tuesday.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw

run_recipe restore-several
for disk in disk.raw streamed.raw disk-of-monday.raw; do same $disk tuesday.raw; done

"$tool" --digest sha256=vm.sha256 monday.raw >vm.qcow2
cp monday.raw target.raw
run_recipe restore-check target=target.raw
[[ ! -s recipe.log ]] || fail "$(<recipe.log)"
data target.raw 2*M 100 5
run_recipe restore-check target=target.raw
grep -q '^2[0-9]* [0-9]*$' recipe.log || fail "no range: $(<recipe.log)"
same target.raw monday.raw
printf x | dd of=vm.qcow2 bs=1 seek=$(($(size_of vm.qcow2) - 100)) conv=notrunc status=none
try_recipe restore-check target=target.raw
grep -q 'has another sha256 digest than expected' recipe.log || fail "$(<recipe.log)"

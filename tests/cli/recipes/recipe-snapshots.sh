#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: what differs between two snapshots, which are block devices. (Loop devices stand in.)
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img python3
mkdir vg backups
truncate -s 20M disk.raw monday.raw
data disk.raw 3*M+5 4*M
cp disk.raw monday.raw
loop_device monday.raw -r
ln -s "$loop" vg/monday
loop_device disk.raw
ln -s "$loop" vg/disk
detach_all() { [[ ! -e loops ]] || xargs -n 1 losetup -d <loops; }
at_exit detach_all
# lvcreate ... --name NAME VG/disk
stand_in lvcreate <<'END'
[[ ! -e vg/${@: -2:1} ]]
cp "${@: -1}" "${@: -2:1}.raw"
losetup -f --show -r "${@: -2:1}.raw" >>loops
ln -s "$(tail -n 1 loops)" "vg/${@: -2:1}"
END
# shellcheck disable=SC2016  # expanded when they run
stand_in lvremove <<<'rm "${@: -1}"'
# shellcheck disable=SC2016
stand_in ssh <<<'cd backups && eval "$2"'

convert vg/monday backups/monday.qcow2
data disk.raw 5*M 70000 9
dd if=/dev/zero of=disk.raw bs=64K seek=50 count=5 conv=notrunc status=none
broken recipe_fails snapshots vg="$dir/vg" host=backup
[[ -e vg/monday && ! -e backups/tuesday.qcow2 ]]
recipe_fails snapshots vg="$dir/vg" host=backup # there is a snapshot of this name
rm vg/tuesday
run_recipe snapshots vg="$dir/vg" host=backup
check_chain backups/monday.qcow2 monday.raw
check_chain backups/tuesday.qcow2 disk.raw
(($(size_of backups/tuesday.qcow2) <= 8 * 65536))
[[ ! -e vg/monday && ! -e backups/tuesday.qcow2.part ]]
rm vg/tuesday
recipe_fails snapshots vg="$dir/vg" host=backup # there is a link of this name
check_chain backups/tuesday.qcow2 disk.raw

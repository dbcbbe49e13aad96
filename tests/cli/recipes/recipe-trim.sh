#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: what the guest has deleted and discarded takes no space, neither in a full image nor in
# an increment. (A file system that is mounted here stands in for the guest, fstrim for its agent.)
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img mke2fs fstrim
need_root "mounting"
truncate -s 64M disk.raw
mke2fs -q -t ext4 disk.raw
loop_device disk.raw
mkdir guest
mount "$loop" guest 2>mount.log || skip "no mounting: $(<mount.log)"
unmount() { ! mountpoint -q guest || umount guest; }
at_exit unmount
stand_in virsh <<<'[[ $* == "domfstrim vm" ]] && fstrim guest'

backup() { sync -f guest && "$tool" -f raw "$@" disk.raw; }
data guest/deleted 0 20*M
data guest/stays 0 5*M
backup >monday.qcow2 2>/dev/null
rm guest/deleted
(($(backup --measure=size 2>/dev/null) > 25 * M))
run_recipe trim vm=vm || skip "this file system cannot make holes: $(<recipe.log)"
(($(backup --measure=size 2>/dev/null) < 10 * M))
# In an increment it is zero clusters.
umount guest
convert disk.raw tuesday.qcow2 -q -f raw -B monday.qcow2 -F qcow2 --base monday.qcow2 --base-format qcow2
(($(size_of tuesday.qcow2) < 4 * M))
convert disk.raw full.qcow2 -q -f raw
check_image full.qcow2 disk.raw
check_image tuesday.qcow2 disk.raw

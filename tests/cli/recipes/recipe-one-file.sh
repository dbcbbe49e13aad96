#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a file out of the last link of a chain, without restoring the disk, with and without a
# partition table.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-nbd nbdfuse fusermount3 sfdisk partx mountpoint
need_root "mounting"
[[ -c /dev/fuse ]] || skip "no FUSE"
ext4_disk system.raw 24M
loop_device system.raw -r # skips where there are no loop devices
tidy() { { umount files; fusermount3 -u -z image; } 2>/dev/null || true; }
at_exit tidy

# The file system is in the second partition. Its journal wants to be replayed, as that of every disk
# that was saved while it was mounted.
truncate -s 64M disk.raw
printf 'label: dos\n2048,2048\n8192,49152\n' | sfdisk -q disk.raw
debugfs -w -R 'feature needs_recovery' system.raw 2>debugfs.log
dd if=system.raw of=disk.raw bs=512 seek=8192 conv=notrunc,sparse status=none
truncate -s 64M monday.raw
convert monday.raw monday.qcow2
convert disk.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw

run_recipe one-file-begin
grep -q '8192' recipe.log || fail "the partition is not listed: $(<recipe.log)"
run_recipe one-file partition=2 file=sub/link
[[ $(readlink link) == ../large ]]
run_recipe one-file partition=2 file=large
same large tree/large
rm large
recipe_fails one-file partition=2 file=nosuch
for partition in 1 7; do recipe_fails one-file partition=$partition file=large; done
[[ ! -e large && -z $(ls files) ]]
run_recipe one-file-end

# The same without QEMU.
run_recipe one-file-begin-mounted
grep -q '8192' recipe.log || fail "the partition is not listed: $(<recipe.log)"
run_recipe one-file partition=2 file=large
same large tree/large
run_recipe one-file-end
rm large

convert system.raw tuesday.qcow2
try_recipe one-file-begin # whose last command finds no partitions
recipe_fails one-file partition=1 file=large
run_recipe one-file-without-partitions file=large
same large tree/large
run_recipe one-file-end

rm tuesday.qcow2
recipe_fails one-file-begin # and does not wait for ever

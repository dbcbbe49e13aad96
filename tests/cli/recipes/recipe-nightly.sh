#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain that grows every night by what has changed in a raw disk. A night that fails
# leaves the chain as it is.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img python3
# shellcheck disable=SC2016  # expanded when it runs
stand_in date <<<'echo "$night"'
mkdir backups
truncate -s 5000001 disk.raw
data disk.raw 1*M 2*M
backup() { run_recipe nightly night="$1" backups="$dir/backups" disk="$dir/disk.raw"; }

backup monday
check_chain backups/monday.qcow2 disk.raw
data disk.raw 2*M+77 1000 5
dd if=/dev/zero of=disk.raw bs=64K seek=20 count=3 conv=notrunc status=none
cp disk.raw tuesday.raw
backup tuesday
backup wednesday # nothing has changed
truncate -s 7M disk.raw
data disk.raw 6*M 100*K
expect_status 1 env disk="$dir/nosuch" night=never backups="$dir/backups" bash -e -c "$(commands_of nightly)"
backup thursday

check_chain backups/tuesday.qcow2 tuesday.raw
check_chain backups/wednesday.qcow2 tuesday.raw
check_chain backups/thursday.qcow2 disk.raw
[[ $(qemu-img info --backing-chain backups/last.qcow2 | grep -c '^image: ') == 4 ]]
(($(size_of backups/monday.qcow2) > 2 * M))
(($(size_of backups/tuesday.qcow2) <= 7 * 65536)) # one cluster of data, zeros by their flags
(($(size_of backups/wednesday.qcow2) == 4 * 65536))

# It can move as a whole, and be restored.
mv backups elsewhere
check_chain elsewhere/thursday.qcow2 disk.raw

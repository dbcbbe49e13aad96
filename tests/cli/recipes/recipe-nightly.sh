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
stand_in date <<<'[[ $1 == +%F-%H%M%S ]] && echo "$night"'
mkdir backups unmounted
truncate -s 5000001 disk.raw
data disk.raw 1*M 2*M
settings=(backups="$dir/backups" disk="$dir/disk.raw")
backup() { night=$1 run_recipe nightly "${settings[@]}"; }

night=monday run_recipe nightly-first "${settings[@]}"
check_chain backups/monday.qcow2 disk.raw
data disk.raw 2*M+77 1000 5
dd if=/dev/zero of=disk.raw bs=64K seek=20 count=3 conv=notrunc status=none
cp disk.raw tuesday.raw
backup tuesday
backup wednesday # nothing has changed
truncate -s 7M disk.raw
data disk.raw 6*M 100*K

# No failure touches the chain, nor begins another one somewhere else: a disk that cannot be read, a name
# that is taken, a directory that is not mounted, not there, or not said, a chain that has begun.
(cd backups && sha256sum -- *.qcow2) >before
export night=tuesday
recipe_fails nightly "${settings[@]}"
recipe_fails nightly-first "${settings[@]}"
night=never
recipe_fails nightly "${settings[@]}" disk="$dir/nosuch"
for elsewhere in "$dir/unmounted" "$dir/nosuch" ''; do
  recipe_fails nightly "${settings[@]}" backups="$elsewhere"
done
recipe_fails nightly-first "${settings[@]}" backups="$dir/nosuch"
(cd backups && sha256sum -- *.qcow2) | cmp - before
[[ -z $(ls unmounted) && $(readlink backups/last.qcow2) == wednesday.qcow2 ]]
[[ -z $(find . -maxdepth 1 -name '*.qcow2*') ]]

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

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain that grows every night by what differs from last night's manifest.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"
# shellcheck source-path=SCRIPTDIR source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

need qemu-img
# shellcheck disable=SC2016  # expanded when it runs
stand_in date <<<'[[ $1 == +%F-%H%M%S ]] && echo "$night"'
mkdir backups
truncate -s 5000192 disk.raw
data disk.raw 1*M 2*M
settings=(backups="$dir/backups" disk="$dir/disk.raw")
backup() { night=$1 run_recipe manifest-nightly "${settings[@]}"; }

night=monday run_recipe manifest-first "${settings[@]}"
check_chain backups/monday.qcow2 disk.raw
data disk.raw 2*M+77 1000 5
cp disk.raw tuesday.raw
backup tuesday
backup wednesday # nothing has changed
truncate -s 7M disk.raw
data disk.raw 6*M 100*K

# No failure touches the chain.
(cd backups && sha256sum -- *) >before
export night=tuesday
recipe_fails manifest-nightly "${settings[@]}"
recipe_fails manifest-first "${settings[@]}"
night=never
recipe_fails manifest-nightly "${settings[@]}" disk="$dir/nosuch"
recipe_fails manifest-nightly "${settings[@]}" backups="$dir/nosuch"
rm -f backups/*.part
(cd backups && sha256sum -- *) | cmp - before

backup thursday
check_chain backups/tuesday.qcow2 tuesday.raw
check_chain backups/wednesday.qcow2 tuesday.raw
check_chain backups/thursday.qcow2 disk.raw
(($(size_of backups/tuesday.qcow2) <= 9 * 65536 + 512)) # one chunk of 256 KiB
(($(size_of backups/wednesday.qcow2) <= 4 * 65536 + 512))
[[ $(root_in backups/thursday.manifest) == "$(root_of disk.raw)" ]]
[[ $(root_in backups/tuesday.manifest) == "$(root_in backups/wednesday.manifest)" ]]

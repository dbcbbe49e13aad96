#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain of a block device that stands on manifests alone, a drill, disks of two hosts, a restore that goes on.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

# shellcheck disable=SC2016  # expanded when it runs
stand_in date <<<'[[ $1 == +%F-%H%M%S ]] && echo "$night"'
export night
mkdir backups
truncate -s 8M disk.raw
data disk.raw 1*M 2*M
device=$dir/disk.raw
if [[ $EUID == 0 ]] && loop=$(losetup -f --show disk.raw 2>/dev/null); then
  at_exit losetup -d "$loop"
  device=$loop
fi
settings=(backups="$dir/backups" disk="$device")

# overwrite OFFSET LENGTH SEED: of the device.
overwrite() { data "$device" "$@" && sync "$device"; }

night=monday
run_recipe manifest-first "${settings[@]}"
overwrite 2*M+77 1000 5
night=tuesday
run_recipe manifest-nightly "${settings[@]}"
# Yesterday's images are elsewhere by now.
mkdir elsewhere
mv backups/monday.qcow2 backups/tuesday.qcow2 elsewhere
overwrite 6*M 100*K 6
night=wednesday
run_recipe manifest-nightly "${settings[@]}"
(($(size_of backups/wednesday.qcow2) < 1 * M))
mv elsewhere/* backups
# A night that fails leaves the chain as it is.
night=thursday
recipe_fails manifest-nightly "${settings[@]}" disk="$dir/nosuch"
recipe_fails manifest-first "${settings[@]}"
[[ $(readlink backups/last.qcow2) == wednesday.qcow2 && ! -e backups/thursday.manifest ]]

run_recipe manifest-restore "${settings[@]}" target=restored.raw
cmp restored.raw "$device"
rm restored.raw
# A link is missing, and nobody can tell by the names.
cp backups/tuesday.qcow2 tuesday.saved
cp backups/monday.qcow2 backups/tuesday.qcow2
recipe_fails manifest-restore "${settings[@]}" target=restored.raw
[[ $status == 4 && ! -e restored.raw ]] || fail "status $status"
cp tuesday.saved backups/tuesday.qcow2

# Two hosts.
cp "$device" here.raw
cp here.raw there.raw
# shellcheck disable=SC2016  # expanded when it runs
stand_in ssh <<<'shift; words=$*; exec bash -c "${words//here.raw/there.raw}"'
settings=(host=there disk="$dir/here.raw")
run_recipe compare-roots "${settings[@]}"
run_recipe compare-manifests "${settings[@]}"
[[ ! -s recipe.log ]] || fail "$(<recipe.log)"
data there.raw 5*M 10 9
recipe_fails compare-roots "${settings[@]}"
recipe_fails compare-manifests "${settings[@]}"
grep -qx '5242880 262144' recipe.log || fail "$(<recipe.log)"

# A restore that broke off.
cp backups/monday.qcow2 backups/monday.manifest .
"$from_stdin" -i monday.qcow2 monday.raw
head -c 2M monday.raw >target.raw
truncate -s 8M target.raw
run_recipe resume-by-manifest target=target.raw
same target.raw monday.raw

type -P restic >/dev/null || skip "not installed: restic; the rest is right"
export HOME=$dir RESTIC_REPOSITORY=$dir/restic RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$dir/cache
restic -q init
restic -q backup monday.qcow2
run_recipe drill-restic
cp backups/tuesday.manifest monday.manifest
recipe_fails drill-restic
[[ $status == 3 ]] || fail "status $status"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/uploads.md: the mounted image in the hands of a program that stores files.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"

need restic
truncate -s 20M disk.raw
data disk.raw 2*M 7*M
need_fuse disk.raw
convert disk.raw wanted
export RESTIC_REPOSITORY=$dir/repository RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$dir/cache
restic -q init

run_recipe mount "disk=$dir/disk.raw"
restic -q dump latest /shown/vm.qcow2 >stored
same stored wanted
# The second time it is known.
run_recipe mount "disk=$dir/disk.raw"
grep -q '1 unmodified' recipe.log || fail "restic said: $(<recipe.log)"
# Another disk of the same size is not.
sleep 0.1
data disk.raw 12*M 1*M
convert disk.raw wanted
run_recipe mount "disk=$dir/disk.raw"
restic -q dump latest /shown/vm.qcow2 >stored
same stored wanted
[[ -z $(ls shown) ]] || fail "it is still mounted"

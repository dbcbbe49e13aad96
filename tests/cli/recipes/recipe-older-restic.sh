#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a restic that takes the end of its input for the end of the image keeps nothing of an image
# that is not complete.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img restic python3
export RESTIC_REPOSITORY=$dir/repository RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$dir/cache HOME=$dir
restic -q init
truncate -s 40M old.raw
data old.raw 0 3*M
cp old.raw new.raw
data new.raw 8*M 20*M 8
convert old.raw monday.qcow2

run_recipe restic-old old=old.raw new=new.raw
restic -q dump latest /tuesday.qcow2 >tuesday.qcow2
check_chain tuesday.qcow2 new.raw

snapshots() { restic snapshots --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin) or []))'; }
[[ $(snapshots) == 1 ]]
recipe_fails restic-old old=old.raw new=nosuch.raw
# The disk cannot be read to its end, and restic is told in the middle of the image.
loop_device new.raw -r
truncate -s 20M new.raw
recipe_fails restic-old old=old.raw new="$loop"
[[ $(snapshots) == 1 ]] || fail "a backup of an image that is not complete"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: images that restic and borg have become disks as they arrive; what a damaged one still has gets another name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

truncate -s 9M monday.raw
data monday.raw 0 3*M
cp monday.raw tuesday.raw
data tuesday.raw 4*M 3*M 7
convert monday.raw monday.qcow2
convert tuesday.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw
export HOME=$dir

# A damaged one: an L2 table that is nowhere, so that all is lost; and one that is cut off.
run_recipe stream-salvage
same disk.raw monday.raw
rm disk.raw
mkdir damaged
head -c 2M monday.qcow2 >damaged/monday.qcow2
cd damaged
recipe_fails stream-salvage
[[ $status == 5 && ! -e disk.raw ]] || fail "status $status"
cmp -n $((1 * M)) disk.damaged.raw ../monday.raw
cd ..

missing=
if type -P restic >/dev/null; then
  export RESTIC_REPOSITORY=$dir/restic RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$dir/cache
  restic -q init
  mkdir both && cp monday.qcow2 tuesday.qcow2 both
  (cd both && restic -q backup monday.qcow2 tuesday.qcow2)
  run_recipe stream-restic target=restic.raw
  same restic.raw tuesday.raw
  rm restic.raw
  # Without its password restic sends nothing.
  recipe_fails stream-restic target=restic.raw RESTIC_PASSWORD=wrong
  [[ ! -e restic.raw ]]
else
  missing+=" restic"
fi
if type -P borg >/dev/null; then
  export BORG_BASE_DIR=$dir/borg
  borg init -e none repository
  borg create repository::monday monday.qcow2
  run_recipe stream-borg target=borg.raw repository=repository
  same borg.raw monday.raw
  rm borg.raw
  recipe_fails stream-borg target=borg.raw repository=nosuch
  [[ ! -e borg.raw ]]
else
  missing+=" borg"
fi
[[ -z $missing ]] || skip "not installed:$missing; the rest is right"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: backup programs that run the command themselves and look at its status.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img python3
# What stands behind -- is the command; the option with the name comes before it.
for program in restic borg; do
  stand_in $program <<'END'
while [[ $1 != -- ]]; do
  case $1 in --stdin-filename | --stdin-name) name=$2 ;; esac
  shift
done
shift
mkdir -p repository
"$@" | cat >"repository/$name.part"
mv "repository/$name.part" "repository/$name"
END
done
truncate -s 8M old.raw
data old.raw 0 3*M
cp old.raw new.raw
data new.raw 1*M 100 8

for program in restic borg; do
  run_recipe $program old=old.raw new=new.raw repository=repository
  convert old.raw repository/monday.qcow2
  check_chain repository/tuesday.qcow2 new.raw
  (($(size_of repository/tuesday.qcow2) == 6 * 65536))
  rm -r repository
  # No backup of a disk that is not there.
  recipe_fails $program old=old.raw new=nosuch.raw repository=repository
  [[ ! -e repository/tuesday.qcow2 ]]
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: what `rbd diff` says was written or discarded between two snapshots.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img python3
# An object of 4 MiB is discarded, parts of others are written to.
stand_in rbd <<'END'
case "$*" in
  "snap create pool/vm@tuesday") [[ ! -e snapshot ]] && touch snapshot ;;
  "snap rm pool/vm@monday") touch monday-is-gone ;;
  "device unmap tuesday.raw") touch unmapped ;;
  "device map --read-only pool/vm@tuesday") echo tuesday.raw ;;
  "diff --format=json --from-snap monday pool/vm@tuesday")
    [[ ! -e diff-fails ]] || { echo '[]' && exit 1; }
    echo '[{"offset":0,"length":65536,"exists":"true"},{"offset":4194304,"length":4194304,"exists":"false"},
      {"offset":12582912,"length":4096,"exists":"true"},{"offset":16773120,"length":4096,"exists":"true"}]' ;;
  *) exit 2 ;;
esac
END
truncate -s 16M monday.raw
data monday.raw 0 10*M
cp monday.raw tuesday.raw
data tuesday.raw 0 64*K 7
dd if=/dev/zero of=tuesday.raw bs=4M seek=1 count=1 conv=notrunc status=none
data tuesday.raw 12*M 4096
data tuesday.raw 16*M-4096 4096
convert monday.raw monday.qcow2

# A failure keeps the snapshot of the last backup: of the program, of `rbd diff`, of a snapshot that is there.
broken recipe_fails ceph pool=pool
[[ -e unmapped ]]
recipe_fails ceph pool=pool
rm snapshot
touch diff-fails
recipe_fails ceph pool=pool
rm snapshot diff-fails
[[ ! -e tuesday.qcow2 && ! -e monday-is-gone ]]

run_recipe ceph pool=pool
[[ -e monday-is-gone ]]
check_chain tuesday.qcow2 tuesday.raw
(($(size_of tuesday.qcow2) == (5 + 3) * 65536)) # what was discarded takes no space

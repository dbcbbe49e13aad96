#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, memory and descriptors that the system denies, with what is written beside the image
# and with --run.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix-beside.sh
. "$(dirname "$0")/../fault-matrix-beside.sh" || exit 1

report_is_lost=1  # it may not have come to it
any_status='[0-9]*'  # the command's limits are ours
modes=("raw digest report progress" "raw run digest" "compress save-plan report" "raw plan digest")

mebibytes=$(least_memory)
for above in 0 7 9 18 26 42 58 80 130 270 4000; do
  denied "$((mebibytes + above)) MiB of address space" prlimit --as=$(((mebibytes + above) * M))
done
succeeded "limit of memory"

for n in 4 5 6 7 8 9 10 12 24; do denied "$n descriptors" prlimit --nofile="$n"; done
succeeded "number of descriptors"

end_of_table

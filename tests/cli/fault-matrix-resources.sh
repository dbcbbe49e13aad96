#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, what the system denies: memory, descriptors, threads. From too little to enough:
# each run fails well or is right. Only lines that differ from the one before are printed.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix.sh
. "$(dirname "$0")/../fault-matrix.sh" || exit 1

# --- Memory --------------------------------------------------------------------------------------

mebibytes=$(least_memory)
modes=(raw qcow2 compress-twice base stdin-at-once)
for above in 0 2 7 9 16 18 26 36 50 54 58 66 80 130 270 4000; do
  denied "$((mebibytes + above)) MiB of address space" prlimit --as=$(((mebibytes + above) * M))
done
succeeded "limit of memory"

# --- Descriptors ---------------------------------------------------------------------------------

modes=(raw qcow2 compress-spool base stdin)
for n in 4 5 6 8 10 11 12 13 14 24; do denied "$n descriptors" prlimit --nofile="$n"; done
succeeded "number of descriptors"

# --- Threads -------------------------------------------------------------------------------------

if [[ $EUID == 0 ]] && type -P setpriv >setpriv.log; then
  chmod 711 "$dir"
  chmod 1777 tmp
  user=$((100000 + RANDOM))
  modes=(raw qcow2 compress-twice base stdin)
  for n in 1 2 3 4 6 8 64; do
    denied "$n processes and threads" setpriv --reuid=$user --regid=$user --clear-groups \
      prlimit --nproc="$n"
  done
  succeeded "number of threads"
else
  not_tested "processes and threads" "needs root and setpriv"
fi

end_of_table

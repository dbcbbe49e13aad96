#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, what the system denies: memory, descriptors, threads. From too little to enough:
# each run fails well or is right. Only lines that differ from the one before are printed.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix.sh
. "$(dirname "$0")/../fault-matrix.sh" || exit 1

# denied WHAT PREFIX...: one run for each source.
declare -A said
denied() {
  local what=$1 before
  shift
  for source in "${sources[@]}"; do
    run "$source" pipe "$@"
    # Before our first line: what the loader says.
    if ((status == 127)) && grep -q 'while loading shared libraries' stderr; then continue; fi
    before=${said[$source]-}
    said[$source]="$status $(sed 's/[0-9][0-9]*/N/g' stderr)"
    if [[ ${said[$source]} == "$before" ]]; then
      judge "$what" "$source" pipe '[01]' '' >line
      if grep -q WRONG line; then cat line; fi
    else
      judge "$what" "$source" pipe '[01]' ''
    fi
  done
}

# succeeded WHAT: every source in the end.
succeeded() {
  for source in "${sources[@]}"; do
    [[ ${said[$source]} == "0 "* ]] || fail "$source has failed with every $1: ${said[$source]}"
  done
  said=()
}

# --- Memory --------------------------------------------------------------------------------------

mebibytes=16
until prlimit --as=$((mebibytes * M)) ./program --version >version 2>&1; do
  mebibytes=$((mebibytes + 1))
done
sources=(raw qcow2 compress-twice base stdin-at-once)
for more in 0 2 7 9 16 18 26 36 50 54 58 66 80 130 270 4000; do
  denied "$((mebibytes + more)) MiB of address space" prlimit --as=$(((mebibytes + more) * M))
done
succeeded "limit of memory"

# --- Descriptors ---------------------------------------------------------------------------------

sources=(raw qcow2 compress-spool base stdin)
for n in 4 5 6 8 10 11 12 13 14 24; do denied "$n descriptors" prlimit --nofile="$n"; done
succeeded "number of descriptors"

# --- Threads -------------------------------------------------------------------------------------

if [[ $EUID == 0 ]] && type -P setpriv >setpriv.log; then
  chmod 711 "$dir"
  chmod 1777 tmp
  user=$((100000 + RANDOM))
  sources=(raw qcow2 compress-twice base stdin)
  for n in 1 2 3 4 6 8 64; do
    denied "$n processes and threads" setpriv --reuid=$user --regid=$user --clear-groups \
      prlimit --nproc="$n"
  done
  succeeded "number of threads"
else
  not_tested "processes and threads" "needs root and setpriv"
fi

end_of_table

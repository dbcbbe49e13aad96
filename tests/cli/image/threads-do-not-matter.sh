#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Any number of threads makes the same image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 40000001 disk.raw
for n in {0..19}; do data disk.raw "n * 2*M - n * 777 + (n == 0 ? 0 : 1)" "n * 9001 + 1"; done
for options in '-c 512' '' '-c 2M'; do
  # shellcheck disable=SC2086
  convert disk.raw wanted -T 1 $options
  for threads in 0 2 3 4 5 6 7 8 64; do
    # shellcheck disable=SC2086
    convert disk.raw image -T $threads $options
    same image wanted
  done
  # shellcheck disable=SC2086
  convert disk.raw image -j 2 $options
  same image wanted
  # shellcheck disable=SC2086
  convert disk.raw image --threads=4 --no-extents $options
  same image wanted
done

# They do exist.
if ! sanitized && strace -o trace true 2>strace.log; then
  for threads in 1 3; do
    strace -f -e trace=clone,clone3 -o trace "$tool" -T $threads --no-extents disk.raw >image
    [[ $(grep -c '^[0-9]* *clone.*= [0-9]' trace) -ge $((threads - 1)) ]] || fail "no $threads threads"
  done
fi

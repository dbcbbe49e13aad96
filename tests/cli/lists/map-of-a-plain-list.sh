#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --map takes a list of offsets and lengths and what rbd writes, in any order, from files and pipes.
# What they do not list reads as zeros.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 8M disk.raw
data disk.raw 1*M 100000
data disk.raw 5*M 70000
convert disk.raw wanted

while read -r json; do
  printf '%s\n' "$json" >map.json
  convert disk.raw image --map map.json
  same image wanted
  convert disk.raw image --scan holes --map map.json
  check_image image disk.raw
  same image <("$tool" --scan holes --map <(printf '%s' "$json") disk.raw)
  same image <("$tool" --scan holes --map /dev/fd/9 disk.raw 9<map.json)
  same image <(printf '%s' "$json" | "$tool" --scan holes --map /dev/stdin disk.raw)
done <<'END'
[{"start":1048576,"length":100000},{"offset":5242880,"length":70000,"note":{"x":[1.5]}}]
[{"offset":5242880,"length":70000},{"length":100000,"offset":1048576}]
[{"offset":0,"length":4194304,"exists":"true"},{"offset":4194304,"length":4194304,"exists":"true"}]
[{"offset":4194304,"length":4194304,"exists":true},{"offset":0,"length":4194304,"exists":true}]
END

# Only what is listed can get space: two clusters with data, and one of zeros if nobody looks.
printf '[{"start":1048576,"length":100000},{"start":0,"length":1}]' >map.json
expect_status 0 "$tool" --measure=json --map map.json disk.raw
[[ $(json stdout clusters data) == 2 ]]
expect_status 0 "$tool" --measure=json --scan holes --map map.json disk.raw
[[ $(json stdout clusters data) == 3 ]]
echo '[]' >map.json
convert disk.raw image --map map.json
truncate -s 8M zeros.raw
check_image image zeros.raw

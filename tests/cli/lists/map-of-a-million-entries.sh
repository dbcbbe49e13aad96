#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A map of a million entries costs no memory if it is sorted, and 16 bytes an entry if it is not.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

sanitized && skip "sanitizers take memory"
need /usr/bin/time
truncate -s $((1000000 * 65536)) disk.raw
entries() { awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "{\"offset\":%.0f,\"length\":4096}%s\n", i * 65536, i < 999999 ? "," : "" }'; }
{ echo '[' && entries && echo ']'; } >sorted.json
{ echo '[' && entries | sed 's/,$//; s/}$/},/' | tac | sed '$s/,$//' && echo ']'; } >unsorted.json
{ echo '[' && awk 'BEGIN {
    for (i = 0; i < 1000000; i++) {
      data = i % 2 ? "false" : "true"; zero = i % 2 ? "true" : "false"
      printf "{ \"start\": %.0f, \"length\": 65536, \"depth\": 0, \"present\": true, \"zero\": %s, \"data\": %s}%s\n",
        i * 65536, zero, data, i < 999999 ? "," : ""
    } }' && echo ']'; } >qemu.json

# kib_of COMMAND...: the most memory that it had.
kib_of() { /usr/bin/time -f %M -o kib "$@" >/dev/null && cat kib; }
least=$(kib_of "$tool" --measure=size --scan holes disk.raw)
# costs KIB COMMAND...: at most so much more.
costs() {
  local kib
  kib=$(kib_of "${@:2}")
  ((kib - least <= $1)) || fail "$((kib - least)) KiB: ${*:2}"
}
costs 2000 "$tool" --measure=size --scan holes --map sorted.json disk.raw
costs 2000 "$tool" --measure=size --scan holes --map qemu.json disk.raw
costs 2000 "$tool" --measure=size --scan holes --map <(cat qemu.json) disk.raw
costs 18000 "$tool" --measure=size --scan holes --map unsorted.json disk.raw
costs 18000 "$tool" --measure=size --scan holes --map <(cat sorted.json) disk.raw

expect_status 0 "$tool" --measure=json --scan holes --map unsorted.json disk.raw
[[ $(json stdout clusters data) == 1000000 ]]
expect_status 0 "$tool" --measure=json --scan holes --map qemu.json disk.raw
[[ $(json stdout clusters data) == 500000 ]]

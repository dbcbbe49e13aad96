#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Any number of connections and requests makes the same image, and the options do what they say.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit
ext4_disk disk.raw 8M
convert disk.raw wanted
serve socket --filter=stats --filter=log file disk.raw logfile=log statsfile=stats
uri='nbd+unix:///?socket=socket'
for connections in {1..8}; do
  for requests in 1 2 16 64; do
    : >log
    convert "$uri" image --connections "$connections" --requests "$requests"
    same image wanted
    [[ $(grep -c ' Ready\| Connect' log) -ge 1 ]]
    [[ $(grep -c ' Connect ' log) == "$connections" ]] || fail "not $connections connections"
  done
done
for threads in 1 3; do
  convert "$uri" image --connections=3 --requests=5 -T $threads --scan none
  same image <("$tool" --scan none disk.raw)
done
end_process "$server"

# A server that does not say that several connections see the same disk is connected to once.
serve socket --filter=log --filter=multi-conn file disk.raw multi-conn-mode=disable logfile=log.once
convert "$uri" image --connections 4
same image wanted
[[ $(grep -c ' Connect ' log.once) == 1 ]] || fail "several connections"

for option in --connections --requests --timeout; do
  for value in 0 -1 x 1.5 99999999999999999999 ''; do
    expect_refusal 2 "$option" "$tool" "$option" "$value" "$uri"
  done
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --limit-rate: not faster than that, of what the survey reads and of what is written; the bytes are the same.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1G disk.raw
data disk.raw 0 6*M
convert disk.raw wanted
compressed=(--compress -T 1)
convert disk.raw wanted.compressed "${compressed[@]}"

# takes TENTHS COMMAND...: at least; the first piece does not wait.
takes() {
  local least=$1 begin=$EPOCHREALTIME end
  expect_status 0 "${@:2}"
  expect_silence
  end=$EPOCHREALTIME
  ((${end/[.,]/} - ${begin/[.,]/} >= least * 100000)) || fail "in less than $least tenths of a second: ${*:2}"
}
takes 28 "$tool" --limit-rate 2M disk.raw
same stdout wanted
# Through a pipe, by splice or by copy, and through memory.
# shellcheck disable=SC2016
piped() { "$tool" "$@" | cat; }
takes 28 piped --limit-rate 2M disk.raw
same stdout wanted
takes 28 "$tool" --limit-rate 2M --digest sha256=disk.sum disk.raw
same stdout wanted
# The survey reads all of it here, and little is written.
takes 25 "$tool" --limit-rate 2M "${compressed[@]}" disk.raw
same stdout wanted.compressed
takes 25 "$tool" --limit-rate 2M --measure=root disk.raw
truncate -s 1G base.raw
takes 14 "$tool" --limit-rate 4M --base base.raw -B base.raw -F raw --measure disk.raw
# A probe of each cluster is little.
takes 0 "$tool" --limit-rate 2M --measure=size disk.raw

expect_refusal 2 "--limit-rate: '0' is no rate" "$tool" --limit-rate 0 disk.raw
expect_refusal 2 '--limit-rate: ' "$tool" --limit-rate 5MB disk.raw

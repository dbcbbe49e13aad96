#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --part K/N: the N parts in order are the whole, with a plan and without, and also where there are more parts than
# there is to part.
# shellcheck disable=SC2016  # the command of --run has $size in its environment
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 20M disk.raw
data disk.raw 1*M 3*M+5
convert disk.raw wanted
convert disk.raw wanted.compressed --compress
expect_status 0 "$tool" --save-plan plan --measure=size disk.raw

whole() {
  local count=$1 wanted=$2 k
  shift 2
  : >whole
  for ((k = 1; k <= count; k++)); do
    expect_status 0 "$tool" "$@" --part "$k/$count" disk.raw
    expect_silence
    cat stdout >>whole
  done
  same whole "$wanted"
}
whole 1 wanted
whole 7 wanted --plan plan
whole 3 wanted.compressed --compress
whole 90 wanted --plan plan
whole 4 disk.raw -O raw

# They are alike, and so is what is said of them.
for k in 1 2 3 4; do
  expect_status 0 "$tool" --plan plan --part "$k/4" --run 'cat >received; echo "$size" >size' disk.raw
  [[ $(<size) == "$(size_of received)" ]]
  ((($(size_of received) - $(size_of wanted) / 4) ** 2 <= 65536 ** 2)) || fail "part $k has $(size_of received) bytes"
  expect_status 0 "$tool" --plan plan --part "$k/4" --measure=json disk.raw
  [[ $(json stdout length) == "$(size_of received)" ]]
done
[[ $(json stdout offset) == "$(($(size_of wanted) - $(size_of received)))" ]]

for word in 0/3 4/3 1/0 3 /3 3/ 1/2/3 -1/3 1/+2 1/1000001 1.5/3 ''; do
  expect_refusal 2 "--part: '.*' is not K/N, with K from 1 to N" "$tool" --part "$word" disk.raw
done
expect_refusal 2 '--part: not together with --offset and --length' "$tool" --part 1/2 --offset 0 disk.raw
expect_refusal 2 '--part: not together with --mount' "$tool" --part 1/2 --mount . disk.raw

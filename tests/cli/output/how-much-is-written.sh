#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a failed run says of its output: in a file as much as is there, from a pipe as much as was taken, and how to go
# on, which works as it stands.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 300M disk.raw
data disk.raw 0 4*M
data disk.raw 5*M 250*M
convert disk.raw wanted
announced=$(size_of wanted)
id=$("$tool" --measure=id disk.raw)

# incomplete PATTERN: the message's end; N is in $done, the words behind "go on there: " in the array go_on.
incomplete() {
  expect_messages 1
  expect_stderr "; output is incomplete \([0-9]+ of [0-9]+ bytes$1\$"
  done=$(grep -oP 'incomplete \(\K[0-9]+' stderr)
  read -ra go_on <<<"$(sed -n 's/.*go on there: //p' stderr)"
}

# A file that may not get any larger.
limited() { (ulimit -f 3000; "$tool" "$@"); }
status=0
limited disk.raw >image 2>stderr || status=$?
[[ $status == 1 ]]
incomplete "\); go on there: --if-match $id --offset 3072000"
((done == 3072000 && $(size_of image) == done))
"$tool" "${go_on[@]}" disk.raw >>image
same image wanted

# A range of it, behind what is there already, in a file that is longer: N counts from the range's beginning.
head -c 5000 wanted >image
status=0
limited --offset 5000 --length 4M disk.raw >>image 2>stderr || status=$?
[[ $status == 1 ]]
incomplete " from offset 5000\); go on there: --if-match $id --offset 3072000 --length $((4 * M - 3072000 + 5000))"
((done == 3072000 - 5000))
"$tool" "${go_on[@]}" disk.raw >>image
same image <(head -c $((5000 + 4 * M)) wanted)

# A signal at any time: in calls of the kernel that take long, and through memory.
ended=0
for options in '' '' '' '' '--digest sha256' '--digest sha256'; do
  : >image
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >>image 2>stderr &
  job=$!
  while kill -0 $job 2>/dev/null && [[ ! -s image ]]; do :; done
  kill $job 2>/dev/null || true
  status=0
  wait $job 2>/dev/null || status=$?
  [[ $status == 143 && $(size_of image) != "$announced" ]] || continue
  ended=$((ended + 1))
  incomplete "\); go on there: --if-match $id --offset [0-9]+"
  ((done == $(size_of image))) || fail "$done bytes, but the file has $(size_of image)"
  "$tool" "${go_on[@]}" disk.raw >>image
  same image wanted
done
((ended > 0)) || fail "no signal came in time"

# A pipe whose reader has had enough: what it has not taken does not count.
for count in 1 100000 3000000; do
  status=0
  { "$tool" disk.raw 2>stderr || echo $? >status; } | head -c $count >received
  [[ $(<status) == 1 ]]
  incomplete "\); ask the receiver how much of the image it has, and go on there: --if-match $id --offset BYTES"
  ((done == count)) || fail "$done bytes instead of $count"
done

# What comes from a pipe itself cannot be gone on with, and what has changed is to be discarded.
{ "$tool" --size 300M - < <(cat disk.raw) 2>stderr || true; } | head -c 100000 >received
incomplete "\)"
touch -d '2024-01-01' disk.raw
stall 100000 disk.raw
touch disk.raw
drain
[[ $status == 3 ]]
incomplete '\), discard it'

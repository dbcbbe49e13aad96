#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reading standard input is a part of the progress that is shown.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need script
truncate -s 64M disk.raw
data disk.raw 1*M 20*M
feed() { for n in {0..31}; do part disk.raw "$n*2*M" 2*M && sleep 0.03; done; }

for options in '--size 64M' '' '--size 64M --scan none' '--size 64M --measure'; do
  # shellcheck disable=SC2086
  feed | "$tool" -q $options --progress=3 - 3>lines >image
  ! grep -Evx -e '[0-9]{1,2}/100|100/100' lines || fail "a line that is no progress"
  sort -nc lines || fail "progress goes backwards: $(<lines)"
  [[ $(tail -n 1 lines) == 100/100 ]] || fail "the end is not 100/100"
  # What has a size is seen to come.
  [[ -z $options ]] || (($(sort -u lines | wc -l) > 4)) || fail "with $options only: $(<lines)"
done

program=$(printf %q "$tool")
shown() { script -qec "$1" typescript </dev/null | tr -d '\r\n'; }

shown "(dd if=disk.raw bs=1M count=32 status=none; sleep 1) | $program -p - >image" >seen
grep -q 'standard input  reading  32.0 MiB' seen || fail "no bar while it reads: $(<seen)"
grep -q 'standard input  100%' seen
shown "(dd if=disk.raw bs=1M count=32 status=none; sleep 1; dd if=disk.raw bs=1M skip=32 status=none) |
  $program -p --size 64M - >image" >seen
grep -Eq 'standard input  reading  +25%.*32.0 MiB' seen || fail "no bar while it reads: $(<seen)"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Options may stand before and after DISK, also where POSIXLY_CORRECT is set; -- ends them.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 300*K 5000
convert disk.raw wanted -c 4096 -r 8

for posix in no yes; do
  [[ $posix == no ]] || export POSIXLY_CORRECT=1
  "$tool" disk.raw -c 4096 -r 8 >after
  "$tool" -c 4096 disk.raw -r 8 >around
  "$tool" -c4096 -r8 disk.raw >attached
  "$tool" disk.raw --cluster-size=4096 --refcount-bits 8 >long
  "$tool" -c 4096 -r 8 -- disk.raw >ended
  for form in after around attached long ended; do same "$form" wanted; done
done
unset POSIXLY_CORRECT

# What follows -- is no option, even if it looks like one.
cp disk.raw ./-q
"$tool" -c 4096 -r 8 -- -q >dash
same dash wanted
"$tool" -c 4096 -r 8 ./-q >dotted
same dotted wanted
expect_refusal 2 disk.raw "$tool" -- -q disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that is written to while it is read: status 3, and less output than was announced.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 32M disk.raw
data disk.raw 0 32*M
announced=$("$tool" --measure=size disk.raw)
for options in '' '--scan none' '--scan holes' '-T 1'; do
  for place in 0 5*M 32*M-1; do
    for read in 1 1000000 28*M; do
      # shellcheck disable=SC2086
      stall "$read" $options disk.raw
      data disk.raw "$place" 1 "$RANDOM"
      drain
      [[ $status == 3 ]] || fail "status $status with $options, byte $place, after $read bytes"
      expect_messages 1
      written=$(size_of received)
      ((written < announced)) || fail "$written bytes, no less than was announced"
      expect_stderr '^qcow2-to-stdout: disk\.raw: changed while it was read \(mtime\); '
      expect_stderr "output is incomplete \($written of $announced bytes\), discard it\$"
    done
  done
done

# The same when it grows.
stall 1000000 disk.raw
truncate -s 33M disk.raw
drain
[[ $status == 3 ]] || fail "status $status with a disk that grows"
(($(size_of received) < announced))

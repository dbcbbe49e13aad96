#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that is written to while it is compressed for the second time: status 3, and less output than
# was announced.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

data disk.raw 0 8*M
announced=$("$tool" --compress --measure=size disk.raw)
for options in '' '-T 1' '--scan none'; do
  for place in 0 2*M 7*M; do
    # Zeros compress to fewer bytes, random bytes to more than there is room for.
    for new in /dev/zero /dev/urandom; do
      for read in 1 300000 1500000; do
        # shellcheck disable=SC2086
        stall "$read" --compress --spool-memory 0 $options disk.raw
        head -c 200000 $new |
          dd of=disk.raw oflag=seek_bytes seek=$((place)) conv=notrunc status=none
        drain
        [[ $status == 3 ]] || fail "status $status with $options, byte $place, after $read bytes"
        expect_messages 1
        written=$(size_of received)
        ((written < announced)) || fail "$written bytes, no less than was announced"
        expect_stderr '^qcow2-to-stdout: disk\.raw: changed while it was read'
        expect_stderr "output is incomplete \($written of $announced bytes\), discard it\$"
        rm disk.raw && data disk.raw 0 8*M
      done
    done
  done
done

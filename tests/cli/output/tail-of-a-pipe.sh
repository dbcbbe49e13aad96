#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Readers that hand on what they read without looking at it (splice) hold references to the pages of the disk after
# the program has ended. The end of the image is a copy, more of it than large pipes hold, so that what is
# written to the disk afterwards is not in the image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
cat >splice_on.py <<'END'
import fcntl, os
fcntl.fcntl(1, 1031, 1 << 20)  # F_SETPIPE_SZ
while (os.splice(0, 1, 1 << 20) if hasattr(os, "splice") else fall_back()):
    pass
END
# Python before 3.10 has no os.splice().
sed -i '1a import ctypes\
def fall_back():\
    return ctypes.CDLL(None, use_errno=True).splice(0, None, 1, None, ctypes.c_size_t(1 << 20), 0)' splice_on.py

truncate -s 24M disk.raw
data disk.raw 0 24*M
convert disk.raw wanted
for options in '' '--scan none' '--scan holes' '--offset 1M'; do
  data disk.raw 0 24*M
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >expected
  rm -f ended
  mkfifo pipe
  # The reader waits with its last pieces until the program has ended and the disk holds something else.
  # shellcheck disable=SC2086
  { status=0; "$tool" $options disk.raw 2>stderr || status=$?; echo "$status" >ended; } |
    python3 splice_on.py >pipe &
  {
    head -c "$(($(size_of expected) - 1800000))"
    wait_for test -s ended
    data disk.raw 0 24*M 77
    cat
  } <pipe >received
  wait
  [[ $(<ended) == 0 ]] || fail "status $(<ended) with: $options"
  same received expected
  rm pipe
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A reader that goes away: status 1, one message, no death by signal.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 16M disk.raw
data disk.raw 0 16*M
set +o pipefail

# closed READER...: the program's status when READER has what it wants.
closed() {
  "$tool" disk.raw 2>stderr | "$@" >/dev/null
  local status=${PIPESTATUS[0]}
  [[ $status == 1 ]] || fail "status $status with $*"
  expect_messages 1
  expect_stderr 'Broken pipe'
}

leave_early() {
  closed true
  closed head -c 1
  closed head -c 1000000
  closed head -c 15000000
}

leave_early
# Some parents ignore SIGPIPE, and a program inherits that.
trap '' PIPE
leave_early

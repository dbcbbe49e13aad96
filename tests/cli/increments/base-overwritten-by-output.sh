#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard output that is the base is refused, by the base's name, and the base stays as it is.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K
cp disk.raw base.raw
ln -s base.raw soft.raw
for base in base.raw soft.raw; do
  status=0
  "$tool" disk.raw --base $base 1<>base.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: $base: "
  same base.raw disk.raw
done

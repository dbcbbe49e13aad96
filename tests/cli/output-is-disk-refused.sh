#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard output that is the disk itself is refused, whatever the name, and the disk stays as it is.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K
cp disk.raw before
ln disk.raw hard.raw
ln -s disk.raw soft.raw

for name in disk.raw hard.raw soft.raw; do
  status=0
  "$tool" "$name" 1<>disk.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  expect_stderr "$name"
  same disk.raw before

  status=0
  "$tool" "$name" >>disk.raw 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_messages 1
  same disk.raw before
done

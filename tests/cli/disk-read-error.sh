#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that cannot be read to the end: status 1, the offset, and less output than was announced.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 8M disk.raw
data disk.raw 0 8*M
loop_device disk.raw -r
truncate -s 4M disk.raw  # the device keeps its size, what lies behind is an error

# The survey reads in several places at once; any of them that failed may be named.
expect_refusal 1 "^qcow2-to-stdout: $loop: .*offset [4-8][0-9]{6} .*input/output error" "$tool" "$loop"
for options in '--scan none' '--scan none -T 1'; do
  # shellcheck disable=SC2086
  announced=$("$tool" $options --measure=size "$loop")
  # shellcheck disable=SC2086
  stall 1000 $options "$loop"
  drain
  [[ $status == 1 ]] || fail "status $status"
  written=$(size_of received)
  ((written < announced)) || fail "$written bytes, no less than was announced"
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: $loop: .*offset 4194304 .*input/output error"
  expect_stderr "output is incomplete \($written of $announced bytes\)"
  # shellcheck disable=SC2086
  expect_status 1 "$tool" $options "$loop"
  (($(size_of stdout) < announced))
done

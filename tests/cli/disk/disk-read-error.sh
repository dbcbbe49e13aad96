#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that cannot be read to the end: status 1, the offset, and less output than was announced.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

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

# What the survey has read and the emission cannot is a change, as of a snapshot that ran out of
# space. What nobody has looked at yet may just as well have been bad before.
truncate -s 8M disk.raw
data disk.raw 4*M 4*M
cp disk.raw whole.raw
while_read() {
  cp whole.raw disk.raw
  loop_device disk.raw -r
  stall 1000 "$@" "$loop"
  truncate -s 4M disk.raw
  blockdev --flushbufs "$loop"
  drain
  expect_messages 1
}
change="^qcow2-to-stdout: /dev/loop[0-9]+: changed while it was read \(offset [0-9]+ does not read any more\):"
for options in '-c 64k' '-c 512' '--compress --spool-memory 0' '--allow-changes'; do
  # shellcheck disable=SC2086
  while_read $options
  [[ $status == 3 ]] || fail "status $status with '$options'"
  expect_stderr "$change input/output error; output is incomplete .*, discard it\$"
done
while_read --scan none
[[ $status == 1 ]] || fail "status $status"
expect_stderr "$loop: read at offset 4194304 failed: input/output error; output is incomplete"

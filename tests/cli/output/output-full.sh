#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An output without room: status 1 and the system's reason.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 16M disk.raw
data disk.raw 0 16*M
for options in '' '-T 1' '--scan none' '--length 10'; do
  status=0
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >/dev/full 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status with $options"
  expect_messages 1
  expect_stderr 'No space left on device'
done
for question in --help --version --measure=json; do
  status=0
  "$tool" "$question" disk.raw >/dev/full 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status with $question"
done

# A limit on the size of files.
status=0
(ulimit -f 1000 && "$tool" disk.raw >image 2>stderr) || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_messages 1
expect_stderr 'file too large'
(($(size_of image) <= 1000 * K))

# A descriptor that is open for reading only.
status=0
"$tool" disk.raw 1<image 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_messages 1

need_root "a small file system (all before it passed)"
mkdir small
mount -t tmpfs -o size=3m tmpfs small 2>mount.log ||
  skip "a small file system: $(<mount.log) (all before it passed)"
at_exit umount "$dir/small"
status=0
"$tool" disk.raw >small/image 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_messages 1
expect_stderr 'No space left on device'
(($(size_of small/image) < $("$tool" --measure=size disk.raw)))

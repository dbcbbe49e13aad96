#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A block device that is smaller than the image is refused before anything is written to it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 4M disk.raw
data disk.raw 0 4*M
truncate -s 3M small
loop_device small
status=0
"$tool" disk.raw >"$loop" 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_messages 1
expect_stderr "$((3 * M))"
cmp -n $((3 * M)) "$loop" /dev/zero || fail "something was written"

truncate -s 5M large
loop_device large
"$tool" disk.raw >"$loop"
same <(part "$loop" 0 "$("$tool" --measure=size disk.raw)") <("$tool" disk.raw)

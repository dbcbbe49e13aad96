#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Descriptors that are closed from the start are never mixed up with the disk.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 300*K
cp disk.raw before
convert disk.raw wanted

"$tool" disk.raw >image <&-
same image wanted
"$tool" disk.raw >image 2>&-
same image wanted
"$tool" disk.raw >image <&- 2>&-
same image wanted

status=0
"$tool" disk.raw 2>stderr >&- || status=$?
[[ $status == [12] ]] || fail "status $status without a standard output"
expect_messages 1
status=0
"$tool" missing.raw >&- 2>&- <&- || status=$?
[[ $status == [12] ]] || fail "status $status without any descriptor"
same disk.raw before

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image is never written to a terminal.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need script
truncate -s 1M disk.raw
data disk.raw 0 100

expect_status 1 script -qec "$(printf '%q disk.raw 2>message' "$tool")" typescript
! grep -aq QFI typescript stdout || fail "the image is on the terminal"
mv message stderr
expect_messages 1
expect_stderr terminal

# Text may go there.
expect_status 0 script -qec "$(printf '%q --measure=size disk.raw' "$tool")" typescript
grep -aq "$("$tool" --measure=size disk.raw)" stdout
expect_status 0 script -qec "$(printf '%q --version' "$tool")" typescript
grep -aq qcow2-to-stdout stdout

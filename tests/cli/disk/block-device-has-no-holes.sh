#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where the source cannot tell holes, --scan holes allocates everything and says so once.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 20M disk.raw
data disk.raw 3*M+5 1*M
loop_device disk.raw -r
expect_status 0 "$tool" --scan holes -T 2 "$loop"
expect_messages 1
expect_stderr "^qcow2-to-stdout: $loop: "
check_image stdout disk.raw
[[ $(size_of stdout) == "$("$tool" --measure=size --scan none disk.raw)" ]]

expect_status 0 "$tool" --quiet --scan holes "$loop"
expect_silence

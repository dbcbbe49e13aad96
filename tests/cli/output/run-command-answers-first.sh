#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The exit status of a CMD of --run is ours, too, if its supervisor reports it just when we have found out
# that nobody reads any more, or that all has been read.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

! sanitized || skip "sanitizers do not get on with LD_PRELOAD"
truncate -s 12M disk.raw
data disk.raw 0 5*M

# The supervisor's first message is that report. A moment before it we send our last order, which stays
# unread, and look for an answer when the supervisor has gone.
late="send:1:late send:1:late send:2:late recv:1:late recv:1:late recv:1:late"
run() { FAULTS=$late LD_PRELOAD=$FAULT_SHIM expect_status 5 "$tool" --run "$1" disk.raw; }

run 'exec 3<&0; sleep 100 <&3 & exit 5'
expect_stderr 'standard input of --run: write failed: broken pipe'
run 'cat >image; exit 5'
expect_stderr '--run: the command failed: exit status 5'

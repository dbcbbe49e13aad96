#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file that says that it has no data at all, although it takes space: a warning that names what helps, as DISK,
# as the base and from standard input. Space that was reserved and never written is no reason to warn.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

[[ -z ${QCOW2STREAM_SANITIZE:-} ]] || skip "a preloaded library and sanitizers do not go together"
truncate -s 8M disk.raw base.raw
data disk.raw 1*M 3*M
data base.raw 1*M 64*K
lied() { env FAULTS='holes:1+:ENXIO' LD_PRELOAD="$FAULT_SHIM" "$tool" "$@"; }
warned() {
  expect_status 0 lied "$@"
  expect_messages 1
  expect_stderr 'no data.*--no-extents'
}

convert disk.raw wanted
warned disk.raw
warned --scan holes disk.raw
warned - <disk.raw
warned --compress disk.raw
expect_status 0 lied --base base.raw -B base.raw -F raw disk.raw
expect_messages 2
expect_status 0 lied --no-extents disk.raw
expect_silence
same stdout wanted
expect_status 0 lied -q disk.raw
expect_silence

# What the program keeps itself, it knows itself: the spool of a pipe is not asked for holes.
expect_status 0 lied --size 8M - < <(cat disk.raw)
same stdout wanted
expect_silence

# A file without data takes no space, and reserved space holds none.
truncate -s 8M empty.raw
expect_status 0 lied empty.raw
expect_silence
if fallocate -l 8M reserved.raw 2>fallocate.log; then
  expect_status 0 "$tool" reserved.raw
  expect_silence
fi

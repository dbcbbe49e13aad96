#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With --map and --scan holes nothing is read before the first byte; with --scan zeros what the map
# lists is, and nothing else.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

sanitized && skip "sanitizers do not get on with LD_PRELOAD"
truncate -s 8M disk.raw
data disk.raw 0 8*M
echo '[{"start":1048576,"length":2097152}]' >map.json
echo '[]' >empty.json
"$tool" -f raw --scan holes --map map.json disk.raw >wanted

# With a disk that cannot be read. (Reads through io_uring would not be seen.)
unreadable() {
  "$DENY_SYSCALLS" EOPNOTSUPP io_uring_setup,preadv2 \
    env LD_PRELOAD="$FAULT_SHIM" FAULTS=pread:1+:EIO "$tool" -f raw --map "$@" disk.raw
}
"$DENY_SYSCALLS" EOPNOTSUPP io_uring_setup,preadv2 true || skip "no seccomp here"
expect_status 0 unreadable map.json --scan holes --measure=size
[[ $(<stdout) == "$(size_of wanted)" ]]
expect_status 0 unreadable empty.json --measure=size
expect_refusal 1 'disk.raw: read at offset (1|2|3)[0-9]{6} failed' unreadable map.json --measure=size
expect_refusal 1 'disk.raw: read at offset (1|2|3)[0-9]{6} failed' unreadable map.json

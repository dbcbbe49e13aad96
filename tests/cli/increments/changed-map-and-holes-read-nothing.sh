#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With --changed-map and --scan holes nothing is read before the first byte; with --scan zeros what the list
# calls changed, and nothing else. The same for the holes that --base finds on both sides.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

sanitized && skip "sanitizers do not get on with LD_PRELOAD"
truncate -s 8M disk.raw empty.raw
data disk.raw 0 8*M
echo '[{"offset":1048576,"length":2097152,"exists":"true"},{"offset":4194304,"length":1048576,"exists":"false"}]' >list
echo '[{"offset":0,"length":8388608,"exists":"false"}]' >zeros
"$tool" -f raw --scan holes --changed-map list -B b -F raw disk.raw >wanted

# With a disk that cannot be read. (Reads through io_uring would not be seen.)
unreadable() {
  "$DENY_SYSCALLS" EOPNOTSUPP io_uring_setup,preadv2 \
    env LD_PRELOAD="$FAULT_SHIM" FAULTS=pread:1+:EIO "$tool" -f raw -B b -F raw "$@"
}
"$DENY_SYSCALLS" EOPNOTSUPP io_uring_setup,preadv2 true || skip "no seccomp here"
expect_status 0 unreadable disk.raw --changed-map list --scan holes --measure=size
[[ $(<stdout) == "$(size_of wanted)" ]]
expect_status 0 unreadable disk.raw --changed-map list --scan none --measure=size
[[ $(<stdout) == "$(($(size_of wanted) + 16 * 65536))" ]]
expect_status 0 unreadable disk.raw --changed-map zeros
for options in '' '--measure=size'; do
  # shellcheck disable=SC2086
  expect_refusal 1 'disk.raw: read at offset (1|2|3)[0-9]{6} failed' unreadable disk.raw --changed-map list $options
done
expect_status 0 unreadable empty.raw --base-format raw --base empty.raw
expect_refusal 1 '(disk|empty).raw: read at offset .* failed' unreadable empty.raw --base-format raw --base disk.raw

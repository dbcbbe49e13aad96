#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --isolate is refused before the first byte where it cannot keep its promise.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

node='{"driver":"qcow2","file":{"driver":"file","filename":"disk.qcow2"}}'
expect_refusal 2 '^qcow2-to-stdout: --isolate: .*--blockdev' "$tool" --isolate --blockdev "$node"
expect_refusal 2 '^qcow2-to-stdout: --isolate: .*NBD server' "$tool" --isolate nbd://localhost
expect_refusal 2 '^qcow2-to-stdout: --isolate: .*server program' "$tool" --isolate [ nbdkit null ]

need_isolation
need qemu-img
qemu-img create -q -f qcow2 disk.qcow2 1M

# A kernel that has it not, or not switched on; a container that forbids it.
for call in landlock_create_ruleset landlock_restrict_self seccomp; do
  for error in ENOSYS EOPNOTSUPP EPERM; do
    for format in qcow2 auto; do
      expect_refusal 1 '^qcow2-to-stdout: disk.qcow2: cannot be isolated: this needs Landlock' \
        "$DENY_SYSCALLS" $error $call "$tool" --isolate -f $format disk.qcow2
    done
    expect_status 0 "$DENY_SYSCALLS" $error $call "$tool" -f qcow2 disk.qcow2
  done
done

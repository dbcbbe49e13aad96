#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An encrypted disk is read with a secret from a file, which --blockdev refers to by name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 5M disk.raw
data disk.raw 1*M 1*M
data disk.raw 5*M-3 3
convert disk.raw wanted
printf 'open sesame' >key
printf 'wrong' >wrong-key
# Takes seconds, whatever iter-time says: QEMU measures the processor first.
qemu-img convert -f raw -O luks --object secret,id=s0,file=key -o key-secret=s0,iter-time=10 \
  disk.raw disk.luks 2>convert.log || skip "qemu-img cannot encrypt: $(<convert.log)"

node='{"driver":"luks","key-secret":"s0","file":{"driver":"file","filename":"disk.luks"}}'
key='{"qom-type":"secret","id":"s0","file":"key"}'
expect_status 0 "$tool" --object "$key" --blockdev "$node"
expect_silence
same stdout wanted
# Objects that nothing refers to do no harm, and any number may be there.
expect_status 0 "$tool" --blockdev="$node" --object '{"qom-type":"secret","id":"s1","data":"abc"}' --object="$key"
same stdout wanted

expect_refusal 1 'password|passphrase|key' \
  "$tool" --object '{"qom-type":"secret","id":"s0","file":"wrong-key"}' --blockdev "$node"
expect_refusal 1 "No secret.*s0" "$tool" --blockdev "$node"
expect_refusal 1 'missing-key' \
  "$tool" --blockdev "$node" --object '{"qom-type":"secret","id":"s0","file":"missing-key"}'
expect_refusal 2 'JSON' "$tool" --blockdev "$node" --object 'secret,id=s0,file=key'
expect_refusal 2 'JSON' "$tool" --blockdev '{"driver":"luks"'
expect_refusal 2 'blockdev' "$tool" --object "$key" disk.raw

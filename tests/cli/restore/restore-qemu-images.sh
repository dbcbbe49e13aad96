#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What QEMU writes comes back from a pipe: what `qemu-img convert` makes without a spool, what a guest has written to with
# one; and as much as that needs is said.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need qemu-img qemu-io
ext4_disk disk.raw 16M
qemu-img convert -f raw -O qcow2 disk.raw plain.qcow2
restores plain.qcow2 disk.raw --spool-memory 16M
qemu-img convert -W -m 16 -f raw -O qcow2 disk.raw parallel.qcow2
restores parallel.qcow2 disk.raw
qemu-img convert -c -f raw -O qcow2 disk.raw packed.qcow2
restores packed.qcow2 disk.raw
qemu-img convert -f raw -O qcow2 -o extended_l2=on,cluster_size=64k disk.raw divided.qcow2
restores divided.qcow2 disk.raw
qemu-img convert -f raw -O qcow2 -o cluster_size=2M disk.raw large.qcow2
restores large.qcow2 disk.raw
qemu-img convert -f raw -O qcow2 -o cluster_size=512 disk.raw small.qcow2
restores small.qcow2 disk.raw
qemu-img convert -f raw -O qcow2 -o compat=0.10 disk.raw old.qcow2
restores old.qcow2 disk.raw
if qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd disk.raw zstd.qcow2 2>convert.log; then
  restores zstd.qcow2 disk.raw
else
  echo "not tested: this QEMU has no zstd"
fi

# Written to in any order, by a guest; with a snapshot, and larger than it was.
qemu-img create -q -f qcow2 guest.qcow2 40M
qemu-io -f qcow2 -c 'write -q -P 1 30M 3M' -c 'write -q -P 2 1M 2M' -c 'write -q -z 2M 300k' \
  -c 'write -q -P 3 12345678 100k' guest.qcow2
qemu-img snapshot -c one guest.qcow2
qemu-io -f qcow2 -c 'write -q -P 4 1M 1M' -c 'discard -q 30M 1M' guest.qcow2
qemu-img resize -q -f qcow2 guest.qcow2 4G
qemu-io -f qcow2 -c 'write -q -P 5 3G 1M' guest.qcow2
qemu-img convert -f qcow2 -O raw guest.qcow2 guest.raw
restores guest.qcow2 guest.raw -q
for way in pipe file; do
  rm piped.raw
  case $way in
    pipe) expect_status 0 from_pipe guest.qcow2 piped.raw ;;
    file) expect_status 0 "$from_stdin" -i guest.qcow2 piped.raw ;;
  esac
  expect_messages 1
  expect_stderr ': is restored without its internal snapshots \(1\)'
done
expect_status 0 from_pipe guest.qcow2 spooled.raw -q --spool-memory 64k --spool-dir .
same spooled.raw guest.raw
expect_refusal 1 'standard input: its tables come after its data: .*; say --spool-dir DIR, or --spool-memory [0-9]+' \
  from_pipe guest.qcow2 no.raw -q --spool-memory 64k
is_not_there no.raw
enough=$(sed 's/.*--spool-memory \([0-9]*\).*/\1/' stderr)
expect_status 0 from_pipe guest.qcow2 enough.raw -q --spool-memory "$enough"
same enough.raw guest.raw

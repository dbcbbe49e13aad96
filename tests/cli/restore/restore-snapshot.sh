#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An internal snapshot of an image in a file; from a pipe there is none.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need qemu-img qemu-io
qemu-img create -q -f qcow2 image.qcow2 8M
qemu-io -f qcow2 -c 'write -q -P 1 0 1M' -c 'write -q -P 2 4M 100k' image.qcow2
qemu-img convert -f qcow2 -O raw image.qcow2 then.raw
qemu-img snapshot -c monday image.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 0 1M' image.qcow2
qemu-img convert -f qcow2 -O raw image.qcow2 now.raw
restores image.qcow2 now.raw -q
for name in monday 1 snapshot.name=monday; do
  rm -f disk.raw
  expect_status 0 "$from_stdin" -l $name -i image.qcow2 disk.raw
  expect_silence
  same disk.raw then.raw
done
expect_refusal 1 'image.qcow2: has no snapshot "tuesday": it has' "$from_stdin" -l tuesday -i image.qcow2 no.raw
expect_refusal 2 '--snapshot: standard input can be read only once' from_pipe image.qcow2 -l monday no.raw
expect_refusal 2 '--snapshot: .*--apply' "$from_stdin" -l monday --apply -i image.qcow2 disk.raw
is_not_there no.raw

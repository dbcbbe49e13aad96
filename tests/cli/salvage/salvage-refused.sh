#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --salvage where it would promise what it cannot keep.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
for options in '--save-plan plan' '--plan plan' '--isolate' '-d' '-R'; do
  # shellcheck disable=SC2086
  "$tool" --save-plan plan disk.raw >/dev/null
  # shellcheck disable=SC2086
  expect_refusal 2 "--salvage: not together with (${options%% *}|a plan|-d)" \
    "$tool" --salvage $options disk.raw
done
expect_refusal 2 '--salvage: .*name the file' "$tool" --salvage - <disk.raw
# What is no part of the disk: the file itself, a disk that changes, an image of which only QEMU knows.
expect_refusal 1 'none.raw: cannot be opened' "$tool" --salvage none.raw
need qemu-img
expect_refusal 1 'disk.raw: cannot be read as qcow2' "$tool" --salvage -f qcow2 disk.raw
qemu-img create -q -f qcow2 --object secret,id=s,data=x \
  -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 luks.qcow2 1M
expect_refusal 1 'luks.qcow2: can be read by QEMU only' "$tool" --salvage -f qcow2 luks.qcow2

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the format or QEMU cannot hold is refused before the first byte, with what would fit.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# L1 table: QEMU reads 32 MiB of it.
truncate -s 200G disk.raw
data disk.raw 0 100
for question in '' '--measure=size' '--scan none' '--scan holes' '--length 10'; do
  # shellcheck disable=SC2086
  expect_refusal 1 '^qcow2-to-stdout: disk\.raw: .*1024' timeout 20 "$tool" $question -c 512 disk.raw
done
expect_stderr "$((200 * G))|200 ?GiB"
convert disk.raw image -c 1024

# Refcount table: QEMU reads 8 MiB of it.
truncate -s 40G disk.raw
expect_refusal 1 '^qcow2-to-stdout: disk\.raw: .*[Rr]efcount' \
  timeout 60 "$tool" -c 512 -r 64 --scan none disk.raw
expect_stderr '1024'
expect_stderr '32 bits'
convert disk.raw image -c 1024 -r 64 --scan none --measure=size
convert disk.raw image -c 512 -r 32 --scan none --measure=size
convert disk.raw image -c 512 -r 64 --measure=size  # little of it is allocated

# Where the limit lies: 8 MiB are 2^20 blocks of 64 refcounts.
truncate -s 31G disk.raw
"$tool" -c 512 -r 64 --scan none --measure=json disk.raw >measure.json
(($(json measure.json regions refcount-table) <= 8 * M))
(($(json measure.json required) <= 32 * G))
truncate -s 32G disk.raw
expect_refusal 1 '[Rr]efcount' "$tool" -c 512 -r 64 --scan none --measure=size disk.raw

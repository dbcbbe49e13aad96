#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Wrong or impossible options of compression are refused before the first byte.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K

expect_refusal 2 "--compress: 'lzma' is not zlib or zstd" "$tool" --compress=lzma disk.raw
expect_refusal 2 "--compress: '' is not zlib or zstd" "$tool" --compress= disk.raw
expect_refusal 2 "--compress: ':3' is not zlib or zstd" "$tool" --compress=:3 disk.raw
for level in '' x 2x -1; do
  expect_refusal 2 "--compress: '$level' is not a number" "$tool" --compress=zstd:"$level" disk.raw
done
for level in 0 12 99 4294967295; do
  expect_refusal 2 '--compress: level [0-9]+ is not from 1 to 11' "$tool" --compress=zstd:$level disk.raw
done
expect_refusal 2 'level 99 is not from 1 to 6' "$tool" --compress=zlib:99 disk.raw
expect_refusal 2 'level 7 is not from 1 to 6' "$tool" --compress=zlib:7 disk.raw
expect_refusal 2 'level 11 is not from 1 to 10' \
  "$tool" --compress=zlib:11 --deflate-window 32k disk.raw
convert disk.raw image --compress=zlib:10 --deflate-window 32k

# What does not go together, in either order.
expect_refusal 2 '--compress: zstd needs version 3' "$tool" --compress=zstd -v 2 disk.raw
expect_refusal 2 '--compress: .*data file' "$tool" -d --compress disk.raw
expect_refusal 2 '--compress: .*data file' "$tool" --compress -R disk.raw
expect_refusal 2 '--compress: .*1 bit.*use 2 bits' "$tool" -r 1 --compress disk.raw
for window in 4k 32k; do
  expect_refusal 2 '--deflate-window: belongs to zlib' \
    "$tool" --deflate-window $window --compress=zstd disk.raw
done
expect_refusal 2 '--deflate-window: needs --compress' "$tool" --deflate-window 4k disk.raw
expect_refusal 2 "--deflate-window: '8k' is not 4k or 32k" "$tool" --compress --deflate-window 8k disk.raw

# What was meant by a value that is not attached, and by -c of qemu-img.
expect_refusal 2 'did you mean .?--compress=zstd\?' "$tool" --compress zstd disk.raw
expect_refusal 2 'did you mean .?--compress=zlib:3\?' "$tool" --compress zlib:3 disk.raw
expect_refusal 2 'to compress, use --compress' "$tool" -c disk.raw

expect_refusal 2 "--spool-memory: '-1'" "$tool" --compress --spool-memory -1 disk.raw
expect_refusal 2 "--spool-dir: ''" "$tool" --compress --spool-dir= disk.raw
expect_refusal 1 '/nowhere: .*no such file' "$tool" --compress --spool-dir "$dir/nowhere" disk.raw
expect_refusal 1 'disk\.raw: .*not a directory' "$tool" --compress --spool-dir disk.raw disk.raw

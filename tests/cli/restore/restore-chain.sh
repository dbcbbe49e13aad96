#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A full image and its increments, given by name or found in a directory, become one disk; what is missing or in another
# place is refused before anything is written.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 8M 0.raw
data 0.raw 0 4*M
"$tool" 0.raw >0.qcow2
for n in 1 2 3; do
  cp $((n - 1)).raw $n.raw
  data $n.raw $n*M 300*K $((n * 1000))
  dd if=/dev/zero of=$n.raw bs=64k seek=$((n * 5)) count=2 conv=notrunc status=none
  "$tool" -B "/somewhere/else/$((n - 1)).qcow2" -F qcow2 --base $((n - 1)).raw $n.raw >$n.qcow2
done
all=(-i 0.qcow2 -i 1.qcow2 -i 2.qcow2 -i 3.qcow2)

expect_status 0 "$from_stdin" "${all[@]}" disk.raw
expect_silence
same disk.raw 3.raw
rm disk.raw
expect_status 0 "$from_stdin" -i 0.qcow2 -i 1.qcow2 disk.raw
same disk.raw 1.raw
rm disk.raw
# One of them may be standard input, which is a file here.
expect_status 0 "$from_stdin" -i 0.qcow2 -i 1.qcow2 -i - -i 3.qcow2 disk.raw <2.qcow2
expect_silence
same disk.raw 3.raw
rm disk.raw

# From a directory.
mkdir backup
cp ./*.qcow2 backup
for newest in 3 1 0; do
  (cd / && "$from_stdin" -i "$dir/backup/$newest.qcow2" --chain "$dir/backup" "$dir/disk.raw")
  same disk.raw $newest.raw
  rm disk.raw
done
expect_status 0 "$from_stdin" -i 3.qcow2 --chain backup disk.raw
same disk.raw 3.raw
rm disk.raw backup/1.qcow2
expect_refusal 4 'backup/2.qcow2: is an increment of "/somewhere/else/1.qcow2": there is no such file in backup$' \
  "$from_stdin" -i 3.qcow2 --chain backup disk.raw

# In another order, or not all of them.
expect_refusal 4 '2.qcow2: is an increment of "/somewhere/else/1.qcow2": in whose place 0.qcow2 is given' \
  "$from_stdin" -i 0.qcow2 -i 2.qcow2 disk.raw
expect_refusal 4 '1.qcow2: is an increment of ".*0.qcow2": in whose place 2.qcow2 is given' \
  "$from_stdin" -i 0.qcow2 -i 2.qcow2 -i 1.qcow2 disk.raw
expect_refusal 4 '0.qcow2: is a full image' "$from_stdin" -i 1.qcow2 -i 0.qcow2 disk.raw
expect_refusal 4 '1.qcow2: is an increment of ".*0.qcow2"; ' "$from_stdin" -i 1.qcow2 -i 2.qcow2 disk.raw
is_not_there disk.raw
mv 1.qcow2 renamed.qcow2
expect_refusal 4 'renamed.qcow2 is given; --ignore-names' "$from_stdin" -i 0.qcow2 -i renamed.qcow2 -i 2.qcow2 disk.raw
expect_status 0 "$from_stdin" --ignore-names -i 0.qcow2 -i renamed.qcow2 -i 2.qcow2 disk.raw
expect_silence
same disk.raw 2.raw
rm disk.raw
mv renamed.qcow2 1.qcow2

# Over a raw disk, if it is recorded as one.
"$tool" -B 0.raw -F raw --base 0.raw 1.raw >over.qcow2
expect_status 0 "$from_stdin" -i 0.raw -i over.qcow2 disk.raw
same disk.raw 1.raw
rm disk.raw
# An image of that disk is not that disk; read as one, it would be what the increment leaves out.
expect_refusal 4 '0.qcow2: begins as a qcow2 image, and over.qcow2 is an increment of a raw disk: .* rebase -u -F qcow2 ' \
  "$from_stdin" --ignore-names -i 0.qcow2 -i over.qcow2 disk.raw
cp 0.qcow2 backup/0.raw
expect_refusal 4 'backup/0.raw: begins as a qcow2 image' "$from_stdin" -i over.qcow2 --chain backup disk.raw
is_not_there disk.raw

# As streams: nobody knows the names.
expect_status 0 "$from_stdin" -i <(cat 0.qcow2) -i <(cat 1.qcow2) -i <(cat 2.qcow2) disk.raw
expect_messages 1
expect_stderr 'order of the images is taken as it is given'
same disk.raw 2.raw
rm disk.raw
expect_status 0 "$from_stdin" -q -i 0.qcow2 -i <(cat 1.qcow2) -i 2.qcow2 disk.raw
expect_silence
same disk.raw 2.raw
rm disk.raw
expect_status 3 "$from_stdin" -q -i <(cat 0.qcow2) -i <(head -c 100000 1.qcow2) disk.raw
is_not_there disk.raw

# A name that an image records is never opened.
qemu_image() { qemu-img create -q -f qcow2 "$@"; }
if type -P qemu-img >/dev/null; then
  qemu_image -u -b "$dir/0.qcow2" -F qcow2 reader.qcow2 8M
  expect_refusal 4 'reader.qcow2: is an increment' "$from_stdin" -i reader.qcow2 disk.raw
  qemu_image -o data_file="$dir/other.data" outside.qcow2 1M
  expect_status 1 "$from_stdin" -i outside.qcow2 disk.raw
  expect_stderr 'outside.qcow2: '
  expect_status 1 from_pipe outside.qcow2 disk.raw
  is_not_there disk.raw
fi

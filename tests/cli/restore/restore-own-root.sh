#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image that has its root is held against it: one that was written to since is found.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 4M disk
data disk 0 1*M
data disk 3*M 5000

# refused IMAGE: in every way, until the root is ignored.
refused() {
  local pattern="$2.*it was written to since that was made, or is damaged; --ignore-root if you know that it was written to"
  rm -f disk.raw
  expect_refusal 3 "standard input: $pattern; disk.raw is unchanged$" from_pipe "$1" disk.raw
  expect_refusal 3 "$1: $pattern; disk.raw is unchanged$" "$from_stdin" -i "$1" disk.raw
  is_not_there disk.raw
  expect_refusal 3 "$1: $pattern$" "$from_stdin" --check -i "$1"
  expect_status 0 "$from_stdin" --ignore-root -i "$1" disk.raw
  expect_silence
  rm disk.raw
  expect_status 0 from_pipe "$1" --ignore-root disk.raw
}

for options in '' '--compress' '-c 4k' '-v 2'; do
  # shellcheck disable=SC2086  # words
  "$tool" --save-manifest manifest $options disk >image
  restores image disk
  expect_status 0 "$from_stdin" --check -i image
  expect_silence
  # Somebody has written to a cluster that was there, or to a new one.
  if [[ $options != --compress ]]; then
    cp image written
    printf x | dd of=written conv=notrunc bs=1 seek=$(($(size_of image) - 1500)) status=none
    refused written 'does not hold what its own root says'
  fi
  cp image written
  printf x | dd of=written conv=notrunc bs=1 seek=$(($(size_of image) - 400)) status=none
  refused written 'has something else in the place of its own root'
  head -c -512 image >written
  refused written 'has something else in the place of its own root'
  if type -P qemu-io >/dev/null && [[ $options != -v* ]]; then
    cp image written
    qemu-io -f qcow2 -c 'write -q 2M 64k' written
    rm -f disk.raw
    expect_refusal 3 'written to since' from_pipe written disk.raw
    expect_refusal 3 'written to since' "$from_stdin" --check -i written
  fi
  rm manifest
done

# What is expected is known before anything is written.
"$tool" --save-manifest manifest disk >image
data disk 100 10 9
"$tool" --save-manifest later disk >/dev/null
rm -f disk.raw
expect_refusal 4 '^qcow2-from-stdin: image: does not hold what is expected: its own root is' \
  "$from_stdin" -i image --manifest later disk.raw
expect_refusal 4 'image: does not hold what is expected' "$from_stdin" -i image --expect-root "$(root_in later)" disk.raw
expect_refusal 3 'does not hold what later says: 1 of 16 chunks of 256 KiB differ, the first at 0' \
  from_pipe image --manifest later disk.raw
is_not_there disk.raw

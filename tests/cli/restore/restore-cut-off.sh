#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stream that broke off, anywhere, is status 3, and no file is there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 5M disk.raw
data disk.raw 0 3*M
for options in '' --compress '-c 512'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image.qcow2
  size=$(size_of image.qcow2)
  for length in 0 1 60 100 512 65536 70000 size/4 size/2 size-65536; do
    ((length < size)) || continue
    # The last sector of compressed data need not be whole.
    [[ $options != --compress || $length != size-1 ]] || continue
    head -c $((length)) image.qcow2 >cut.qcow2
    expect_refusal 3 'standard input: ' from_pipe cut.qcow2 disk2.raw
    is_not_there disk2.raw
    expect_refusal 3 'standard input: ' from_pipe cut.qcow2 --check
    expect_status 3 from_pipe cut.qcow2 -
    (($(size_of stdout) < 5 * M)) || fail "all of the disk came"
  done
done

# Within the last cluster, too, whose beginning is there; a file is read like a stream.
"$tool" disk.raw >image.qcow2
size=$(size_of image.qcow2)
for missing in 1 512 65535; do
  head -c $((size - missing)) image.qcow2 >cut.qcow2
  expect_refusal 3 'standard input: ' from_pipe cut.qcow2 disk2.raw
  expect_refusal 3 'cut.qcow2: the image is damaged at offset .*: the image is cut off at ' "$from_stdin" -i cut.qcow2 disk2.raw
  expect_refusal 3 'standard input: the image is damaged' "$from_stdin" disk2.raw <cut.qcow2
  expect_refusal 3 'cut.qcow2: ' "$from_stdin" --check -i cut.qcow2
  is_not_there disk2.raw
  expect_status 5 "$from_stdin" --salvage -i cut.qcow2 disk2.raw
  rm disk2.raw
done
# What the disk does not have of its last cluster need not be there.
head -c $((3 * M - 1000)) disk.raw >odd.raw
"$tool" odd.raw >odd.qcow2
odd_end=$(($(size_of odd.qcow2) - 512))
truncate -s $odd_end odd.qcow2
for words in '-i odd.qcow2' '--check -i odd.qcow2'; do
  [[ $words == --check* ]] || words+=' disk2.raw'
  # shellcheck disable=SC2086
  expect_status 0 "$from_stdin" $words
done
same <(part disk2.raw 0 3*M-1000) odd.raw
rm disk2.raw

# It may be longer than the image, as long as nobody has said how long it is.
"$tool" disk.raw >image.qcow2
size=$(size_of image.qcow2)
expect_status 0 from_pipe image.qcow2 --size "$size" disk2.raw
same disk2.raw disk.raw
rm disk2.raw
expect_refusal 3 'standard input: ' from_pipe image.qcow2 --size $((size + 1)) disk2.raw
expect_refusal 3 'standard input: ' from_pipe image.qcow2 --size $((size - 1)) disk2.raw
expect_refusal 3 'standard input: has another size than announced' "$from_stdin" --size $((size - 1)) disk2.raw <image.qcow2
is_not_there disk2.raw

# What is no image at all.
expect_refusal 3 'standard input: cannot be read as qcow2: ' from_pipe disk.raw disk2.raw
expect_refusal 3 'standard input: cannot be read as qcow2: ' "$from_stdin" disk2.raw <disk.raw
expect_refusal 3 'standard input: ' "$from_stdin" disk2.raw </dev/null
is_not_there disk2.raw

# A header that makes no sense is damage wherever it is read.
"$tool" disk.raw >image.qcow2
printf '\0\0\0\0' | dd of=image.qcow2 bs=1 seek=36 conv=notrunc status=none
for way in '' '--ignore-root' '--isolate' '--chain .' '--check'; do
  # shellcheck disable=SC2206  # several words
  words=(-i image.qcow2 $way)
  [[ $way == --check ]] || words+=(disk2.raw)
  expect_refusal 3 'image.qcow2: cannot be read as qcow2: its L1 table is too small for the disk' "$from_stdin" "${words[@]}"
done
is_not_there disk2.raw

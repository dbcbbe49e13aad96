#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --compare prints what differs and writes nothing; --skip-equal writes only that; --verify reads back.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 8M disk.raw
data disk.raw 0 6*M
"$tool" disk.raw >image.qcow2
cp disk.raw target.raw
for way in pipe file; do
  run() {
    case $way in
      pipe) from_pipe image.qcow2 "$@" ;;
      file) "$from_stdin" -i image.qcow2 "$@" ;;
    esac
  }
  expect_status 0 run --compare target.raw
  expect_silence
  [[ ! -s stdout ]]
  data target.raw 1*M 100 3
  data target.raw 7*M 65536 3
  cp target.raw before.raw
  expect_status 3 run --compare target.raw
  expect_messages 1
  expect_stderr 'target.raw: is not what the image holds: [0-9]+ bytes differ$'
  same target.raw before.raw
  # What it prints covers what differs, and is in order.
  python3 - <<'EOF'
ranges = [tuple(map(int, line.split())) for line in open("stdout")]
assert ranges == sorted(ranges) and len(ranges) == 2, ranges
a, b = open("disk.raw", "rb").read(), open("target.raw", "rb").read()
inside = bytearray(len(a))
for offset, length in ranges:
    assert length > 0
    inside[offset:offset + length] = b"\1" * length
assert all(inside[i] for i in range(len(a)) if a[i] != b[i])
EOF
  expect_status 0 run --skip-equal target.raw
  expect_silence
  same target.raw disk.raw
done

# Only what differs is written: the file keeps its holes and its time otherwise.
expect_status 0 from_pipe image.qcow2 --skip-equal --verbose target.raw
expect_stderr ': 0 written, 0 zeroed'
expect_refusal 1 'no.raw: ' from_pipe image.qcow2 --skip-equal no.raw
expect_refusal 1 'no.raw: ' from_pipe image.qcow2 --compare no.raw
is_not_there no.raw
# What lies behind the disk is no part of it.
truncate -s 9M target.raw
expect_status 0 from_pipe image.qcow2 --compare -q target.raw
truncate -s 7M target.raw
for isolated in '' --isolate; do
  # shellcheck disable=SC2086
  expect_refusal 3 'target.raw: is too small: it has 7340032 bytes, and the disk 8388608$' from_pipe image.qcow2 --compare $isolated target.raw
done
expect_refusal 3 'target.raw: is too small: it has 7340032 bytes' "$from_stdin" --compare -i image.qcow2 target.raw
# A raw disk may end within its last sector.
head -c 70001 disk.raw >odd.raw
"$tool" odd.raw >odd.qcow2
expect_status 0 from_pipe odd.qcow2 --compare odd.raw
expect_silence
expect_status 0 "$from_stdin" --compare -i odd.qcow2 odd.raw
expect_silence
truncate -s 69999 odd.raw
expect_status 3 from_pipe odd.qcow2 --compare odd.raw
truncate -s 69632 odd.raw
expect_refusal 3 'odd.raw: is too small' from_pipe odd.qcow2 --compare odd.raw

# With --apply it is what the increment holds.
cp disk.raw next.raw
data next.raw 2*M 300*K 5
"$tool" -B image.qcow2 -F qcow2 --base disk.raw next.raw >next.qcow2
expect_status 0 from_pipe next.qcow2 --apply --compare next.raw
expect_status 3 from_pipe next.qcow2 --apply --compare disk.raw
cp disk.raw target.raw
expect_status 0 from_pipe next.qcow2 --apply --skip-equal target.raw
same target.raw next.raw

for options in '' --compress; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image.qcow2
  rm -f target.raw
  expect_status 0 "$from_stdin" --verify -i image.qcow2 target.raw
  expect_silence
  same target.raw disk.raw
  rm target.raw
  expect_status 0 "$from_stdin" --verify target.raw <image.qcow2
  same target.raw disk.raw
done
cp disk.raw target.raw
expect_status 0 "$from_stdin" --verify --apply -i next.qcow2 target.raw
same target.raw next.raw
rm target.raw
expect_refusal 2 '--verify: standard input can be read only once' from_pipe image.qcow2 --verify target.raw
is_not_there target.raw

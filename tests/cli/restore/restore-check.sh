#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --check writes nothing and says whether an image is sound: structure, counts, compressed clusters, digest, size.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 6M disk.raw
data disk.raw 0 3*M
"$tool" --digest sha256=sums disk.raw >image.qcow2
"$tool" --compress disk.raw >packed.qcow2
for image in image packed; do
  expect_status 0 from_pipe $image.qcow2 --check
  expect_silence
  [[ ! -s stdout ]]
  expect_status 0 "$from_stdin" --check -i $image.qcow2
  expect_silence
done
expect_status 0 from_pipe image.qcow2 --check --expect-digest sha256=sums
expect_refusal 3 'standard input: has another sha256 digest than expected: [0-9a-f]{64}, not [0-9a-f]{64}' \
  from_pipe packed.qcow2 --check --expect-digest sha256=sums
expect_status 0 from_pipe image.qcow2 --check --verbose
expect_stderr 'standard input: is sound: .* a disk of 6291456 bytes, 48 clusters of data'

# Several.
truncate -s 6M empty.raw
"$tool" -B image.qcow2 -F qcow2 --base empty.raw disk.raw >increment.qcow2
expect_status 0 "$from_stdin" --check -i image.qcow2 -i increment.qcow2
expect_status 0 from_pipe increment.qcow2 --check

# Data of a compressed cluster that is none: the first one begins with a kind of block that deflate does not have.
cp packed.qcow2 damaged.qcow2
first=$("$tool" --compress --measure disk.raw | sed -n 's/.*compressed-clusters .* at //p')
printf '\xff' | dd of=damaged.qcow2 bs=1 seek="$first" conv=notrunc status=none
expect_refusal 3 'standard input: ' from_pipe damaged.qcow2 --check
# An entry of the L1 table.
l1=$(python3 -c 'import struct; print(struct.unpack(">Q", open("image.qcow2", "rb").read(48)[40:48])[0])')
cp image.qcow2 damaged.qcow2
printf '\x80\x00\x7f\x00\x00\x00\x00\x00' | dd of=damaged.qcow2 bs=1 seek="$l1" conv=notrunc status=none
expect_refusal 3 'standard input: ' from_pipe damaged.qcow2 --check
expect_refusal 3 'standard input: ' from_pipe damaged.qcow2 no.raw
expect_refusal 3 'damaged.qcow2: ' "$from_stdin" -i damaged.qcow2 no.raw
is_not_there no.raw

# Counts: too low is damage, too high a warning.
if type -P qemu-io >/dev/null; then
  table=$(python3 -c 'import struct; d = open("image.qcow2", "rb").read()
t = struct.unpack(">Q", d[48:56])[0]; print(struct.unpack(">Q", d[t:t + 8])[0])')
  set_count() {
    cp image.qcow2 damaged.qcow2
    printf '%b' "$2" | dd of=damaged.qcow2 bs=1 seek="$((table + 2 * $1))" conv=notrunc status=none
  }
  set_count 20 '\x00\x00'
  ! qemu-img check -q damaged.qcow2 >check.log 2>&1 || fail "cluster 20 is not used"
  expect_refusal 3 'standard input: ' from_pipe damaged.qcow2 --check
  set_count 20 '\x00\x02' # and its entry says that there is no other
  expect_refusal 3 'standard input: ' from_pipe damaged.qcow2 --check
  set_count 1 '\x00\x02'
  expect_status 0 from_pipe damaged.qcow2 --check
  expect_messages 1
  expect_stderr 'higher than what refers to them'
  expect_status 0 from_pipe damaged.qcow2 --check -q
  expect_silence
fi

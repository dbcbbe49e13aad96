#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A manifest alone says whether TARGET holds a content, and where it does not; with it, only what differs is fetched.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s $((12 * M + 512)) disk
data disk 0 3*M
data disk 11*M 1*M+512
"$tool" --save-manifest manifest disk >image
"$tool" --save-manifest fine --manifest-chunk 64k disk >/dev/null

expect_status 0 "$from_stdin" --compare --no-image --manifest manifest disk
expect_silence
[[ ! -s stdout ]]
expect_status 0 "$from_stdin" --compare --no-image --expect-root "$(root_of disk)" disk
cp disk other
data other 1*M+70000 10 3
data other 5*M 1 3
printf x | dd of=other bs=1 seek=$((12 * M + 511)) conv=notrunc status=none
cp other before
expect_status 3 "$from_stdin" --compare --no-image --manifest fine other
expect_messages 1
expect_stderr '^qcow2-from-stdin: other: is not what fine says: 3 of 193 chunks differ$'
printf '%s\n' '1114112 65536' '5242880 65536' '12582912 512' | cmp - stdout
expect_status 3 "$from_stdin" --compare --no-image --manifest manifest other
printf '%s\n' '1048576 262144' '5242880 262144' '12582912 512' | cmp - stdout
expect_refusal 3 'other: does not hold what is expected: its root is [0-9a-f]{64}$' \
  "$from_stdin" --compare --no-image --expect-root "$(root_of disk)" other
same other before
# One that is shorter, or longer.
head -c 5M disk >short
expect_refusal 3 'short: is too small: it has 5242880 bytes, and the disk of manifest has 12583424' \
  "$from_stdin" --compare --no-image --manifest manifest short
cp disk longer
truncate -s 13M longer
expect_status 0 "$from_stdin" --compare --no-image --manifest manifest longer
expect_stderr 'longer: has 13631488 bytes, of which the first 12583424 were compared'

# With an image, that is held against the manifest, too.
expect_status 0 "$from_stdin" --compare --manifest manifest -i image disk
expect_status 3 "$from_stdin" --compare --manifest manifest -i image other

# Only what differs is fetched.
for size in 12583424 13M 3M 0; do
  cp other target
  truncate -s $size target
  expect_status 0 "$from_stdin" --skip-equal --manifest fine -i image --verbose target
  same target disk
done
# What TARGET has already may be damaged in the image: nobody looks at it there.
cat >spoil.py <<'END'
import sys

image = bytearray(open("image", "rb").read())
disk = open("disk", "rb").read()
for begin in (2 << 20, 11 << 20):
    at = image.index(disk[begin : begin + 4096])
    image[at : at + 65536] = bytes(65536)
open("spoilt", "wb").write(image)
END
python3 spoil.py
cp other target
expect_status 0 "$from_stdin" --skip-equal --manifest fine -i spoilt target
same target disk
truncate -s 1M target
expect_refusal 3 'spoilt: does not hold what' "$from_stdin" --skip-equal --manifest fine -i spoilt target

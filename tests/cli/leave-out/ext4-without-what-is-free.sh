#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What ext4 does not use is not in the image, with every way to scan and to store; the files are.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

aged_ext4 disk.raw 64M
convert disk.raw with.qcow2
for options in '' '--scan holes' '-c 4k' '-c 512' '-c 2M' '--compress' '--compress=zstd -c 16k' '-v 2' \
  '--extended-l2' '--save-manifest m' '--compress --save-manifest m' '--digest sha256=d'; do
  # shellcheck disable=SC2086
  convert disk.raw without.qcow2 --leave-out free $options
  restored without.qcow2
  has_tree restored.raw
  # What was left out reads as zeros, and nothing else does.
  only_left_out disk.raw restored.raw
done
convert disk.raw without.qcow2 --leave-out free
(($(size_of without.qcow2) + 8 * M < $(size_of with.qcow2))) || fail "is not smaller"

# The same, whatever the disk comes from, and however many threads there are.
convert disk.raw again.qcow2 --leave-out free -T 1
same again.qcow2 without.qcow2
qemu-img convert -f raw -O qcow2 -c disk.raw source.qcow2
convert source.qcow2 again.qcow2 --leave-out free -f qcow2
same again.qcow2 without.qcow2
"$tool" --leave-out free --size 64M - <disk.raw >again.qcow2
same again.qcow2 without.qcow2

# Ranges make the whole.
"$tool" --leave-out free --length 1M disk.raw >first
"$tool" --leave-out free --offset 1M disk.raw >second
cat first second | cmp - without.qcow2 || fail "ranges differ"

# The id is that of the image.
id=$("$tool" --measure=id --leave-out free disk.raw)
[[ $id != "$("$tool" --measure=id disk.raw)" ]] || fail "the same id"
expect_status 0 "$tool" --leave-out free --if-match "$id" disk.raw
expect_status 4 "$tool" --if-match "$id" disk.raw

# A plan has the result.
"$tool" --leave-out free --save-plan plan disk.raw >/dev/null
convert disk.raw again.qcow2 --plan plan
same again.qcow2 without.qcow2
expect_refusal 2 'plan: .*--leave-out would do nothing' "$tool" --plan plan --leave-out free disk.raw

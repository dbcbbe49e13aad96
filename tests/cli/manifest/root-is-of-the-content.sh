#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk has the same root from whatever source it comes, and it is the one of the page.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img nbdkit

truncate -s 40M disk.raw
data disk.raw 0 3*M
data disk.raw 9*M+5000 70000
data disk.raw 30*M+17 1*M
root=$(root_of disk.raw)

# has_root ARGUMENT...: from this source.
has_root() {
  expect_status 0 "$tool" --measure=root "$@"
  expect_silence
  [[ $(<stdout) == "$root" ]] || fail "another root: $*"
}
has_root disk.raw
has_root -T 1 disk.raw
has_root --no-extents disk.raw
has_root --scan none disk.raw
# What the image would look like does not matter.
has_root -c 512 --compress disk.raw
: >older.raw
has_root -B older.raw -F raw --base older.raw disk.raw
cp --sparse=never disk.raw stored.raw
has_root stored.raw
has_root - <disk.raw
expect_status 0 "$tool" --measure=root --size 40M - < <(cat disk.raw)
[[ $(<stdout) == "$root" ]]
expect_status 0 "$tool" --measure=root --scan none --size 40M - < <(cat disk.raw)
[[ $(<stdout) == "$root" ]]
serve sock file disk.raw
has_root 'nbd+unix:///?socket=sock'
for options in '-c 512' '-c 2M' '--compress=zstd' '-v 2'; do
  # shellcheck disable=SC2086  # words
  convert disk.raw image.qcow2 $options
  has_root -f qcow2 image.qcow2
done
qemu-img convert -O vmdk disk.raw image.vmdk
has_root -f vmdk image.vmdk

# Its length counts, in sectors.
cp disk.raw longer.raw
truncate -s $((40 * M + 1)) longer.raw
longer=$(root_of longer.raw)
[[ $longer != "$root" && $("$tool" --measure=root longer.raw) == "$longer" ]]
truncate -s $((40 * M + 512)) longer.raw
[[ $("$tool" --measure=root longer.raw) == "$longer" ]]
: >empty.raw
[[ $("$tool" --measure=root empty.raw) == "$(root_of empty.raw)" ]]
truncate -s 15T sparse.raw 2>/dev/null || skip "no file of 15 TiB here"
[[ $("$tool" --measure=root sparse.raw) == ffb189129266363713210963b039f3d3a8d6c94e871ac08f6349f7452ec07a9e ]]

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An increment on top of a disk with the same content has no cluster, however both store their zeros.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 10M disk.raw base.raw
data disk.raw 1*M+5 2*M
data base.raw 1*M+5 2*M
dd if=/dev/zero of=base.raw bs=1M seek=5 count=2 conv=notrunc status=none
for options in '' '-c 512' '--extended-l2' '--scan none' '--scan holes' '--no-extents' '-v 2' '-T 1'; do
  # shellcheck disable=SC2086
  "$tool" disk.raw --base base.raw -B base.raw -F raw --measure=json $options >measure.json
  [[ $(json measure.json clusters data) == 0 && $(json measure.json clusters zero) == 0 ]] || fail "$options"
  [[ $(<measure.json) != *l2-tables* ]]
done
convert disk.raw image --base base.raw -B base.raw -F raw
check_image image disk.raw
(($(size_of image) == 4 * 65536))

# Formats of the base: what QEMU reads.
qemu-img convert -c -f raw -O qcow2 base.raw base.qcow2
convert disk.raw same.qcow2 --base base.qcow2 --base-format qcow2 -B base.raw -F raw
same same.qcow2 image
convert disk.raw same.qcow2 --base base.qcow2 --base-format auto -B base.raw -F raw
same same.qcow2 image

# Without a format it is compared as it is, with a word about that; not where somebody says raw.
mv base.qcow2 base.img
expect_status 0 "$tool" disk.raw --base base.img -B base.raw -F raw
expect_messages 1
expect_stderr '^qcow2-to-stdout: base\.img: looks like a qcow2 image .*--base-format qcow2'
convert disk.raw image --base base.img --base-format raw
convert disk.raw image --base base.img -q

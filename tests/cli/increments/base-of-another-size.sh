#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The base of an increment may be shorter or longer than the disk, of any odd size: what the image shows on
# top of it is the disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 3000001 disk.raw
data disk.raw 0 300*K
data disk.raw 2*M+1 100*K
data disk.raw 3000000 1
for size in 0 1 511 100*K 2*M+5 3000000 3000320 5*M; do
  cp disk.raw base.raw
  truncate -s $((size)) base.raw
  ((size < 1 * M)) || data base.raw 700*K 90*K
  ((size <= 3000001)) || data base.raw 3000001 "size - 3000001" # behind the disk's end
  for options in '' '-c 512' '-c 2M' '-v 2 -c 4096' '--extended-l2' '--scan holes' '--scan none' '--no-extents'; do
    # shellcheck disable=SC2086
    convert disk.raw image.qcow2 --base base.raw -B base.raw -F raw $options
    check_image image.qcow2 disk.raw
    # shellcheck disable=SC2086
    convert disk.raw image.qcow2 --base base.raw $options
    qemu-img rebase -u -f qcow2 -b base.raw -F raw image.qcow2
    check_image image.qcow2 disk.raw
  done
done

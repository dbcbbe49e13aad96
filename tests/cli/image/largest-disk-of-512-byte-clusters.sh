#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 128 GiB is the most that clusters of 512 bytes can describe.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 128G disk.raw
data disk.raw 0 1
data disk.raw 77*G+5 100*K
data disk.raw 128*G-1 1
convert disk.raw image -c 512
check_image image disk.raw
convert disk.raw image -c 512 -r 64
qemu-img check -q -f qcow2 image  # a comparison takes ten seconds
truncate -s $((128 * G + 1)) disk.raw
expect_refusal 1 1024 "$tool" -c 512 disk.raw

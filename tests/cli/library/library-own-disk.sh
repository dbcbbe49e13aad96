#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A program's own disk, one that is computed, makes the image that the same bytes in a file make.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
[[ -n ${EXAMPLE_OWN_DISK:-} ]] || skip "EXAMPLE_OWN_DISK does not name the example"
example=$(realpath "$EXAMPLE_OWN_DISK")
truncate -s 64M disk.raw
for n in {0..3}; do
  echo 'a disk that never existed' | dd of=disk.raw oflag=seek_bytes seek=$((n * 16 * M)) conv=notrunc status=none
done
"$example" image
check_image image disk.raw
same image <("$tool" disk.raw)
expect_status 1 "$example" missing/image

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The manual, --scan: space that is reserved and was never written takes none in the image, whatever the file
# system says of it. With --scan holes it may, and reads as zeros.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img fallocate
truncate -s 16M sparse.raw
data sparse.raw 5*M 1*M
convert sparse.raw wanted
fallocate -l 16M disk.raw 2>fallocate.log || skip "no fallocate here: $(<fallocate.log)"
data disk.raw 5*M 1*M
for state in written synced read; do
  case $state in
    synced) sync disk.raw ;;
    read) cat disk.raw >/dev/null ;;
  esac
  convert disk.raw image
  same image wanted
  convert disk.raw image --scan holes
  check_image image sparse.raw
  echo "$state: --scan holes takes $(size_of image) bytes instead of $(size_of wanted)"
done

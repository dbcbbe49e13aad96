#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If what a file system uses becomes something else while the image is written, that is status 3 and an image that is
# not complete.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

deleted='1*M' aged_ext4 disk.raw 64M
# The group descriptors, and the time of the file stays.
overwrite() {
  local time
  time=$(stat -c %Y disk.raw)
  printf 'x' | dd of=disk.raw bs=1 seek=$((4096 + 40)) conv=notrunc status=none
  touch -d "@$time" disk.raw
}
serve socket file "disk.raw"
uri="nbd+unix:///?socket=socket"
expect_status 0 "$tool" --leave-out free "$uri"
size=$(size_of stdout)
stall 4096 --leave-out free "$uri"
overwrite
drain
[[ $status == 3 ]] || fail "status $status"
expect_stderr 'what its file systems use is another thing now'
(($(size_of received) < size)) || fail "all of it was written"

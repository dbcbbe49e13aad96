#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an NBD server makes up gives the image of what nbdcopy reads from it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit nbdcopy
same_as_its_copy() {
  rm -f copy.raw
  nbdcopy 'nbd+unix:///?socket=socket' copy.raw
  convert copy.raw wanted
  check_image wanted copy.raw
  convert 'nbd+unix:///?socket=socket' image
  same image wanted
  end_process "$server"
}
served() { serve socket "$@" && same_as_its_copy; }

served pattern size=3M
served random size=2M seed=3
served sparse-random size=64M percent=5 seed=7
served null size=100M
served data size=8M data='@0x100000 0x55*100000 "text" @5000000 (1 2 3)*4000 @8388607 1'

# A sparse disk that is larger than what any file system here holds.
serve socket data size=1T data='1 @0x1000000000 0x55*100000 @0xfffffffff8 1'
convert 'nbd+unix:///?socket=socket' image -c 2M
if type -P qemu-img >/dev/null; then
  qemu-img check -q image >check.log 2>&1 || fail "qemu-img check: $(<check.log)"
  qemu-img compare -q -f raw -F qcow2 'nbd+unix:///?socket=socket' image || fail "another disk"
fi
end_process "$server"

# Memory, which another client has written to.
rm socket
nbdkit --exit-with-parent --foreground --unix socket --pidfile pid memory size=9M &
server=$!
at_exit end_process "$server"
wait_for test -s pid
truncate -s 9M disk.raw
data disk.raw 1*M 2*M
data disk.raw 8*M+77 1
nbdcopy disk.raw 'nbd+unix:///?socket=socket'
convert disk.raw from-file
same_as_its_copy
same image from-file

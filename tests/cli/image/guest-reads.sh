#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's block layer reads the bytes of the disk, at odd offsets too, directly and through NBD.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-io qemu-img qemu-nbd
truncate -s 40000001 disk.raw
printf '%0.s\xab' {1..70000} | dd of=disk.raw oflag=seek_bytes seek=12345678 conv=notrunc status=none
data disk.raw 30*M 100
convert disk.raw image -c 4096
check_image image disk.raw

qemu-io -f qcow2 -r image -c 'read -P 0xab 12345678 70000' -c 'read -P 0 12345677 1' \
  -c 'read -P 0 12415678 1000' -c 'read -P 0 0 12345678' -c 'read -P 0 39999000 1512' >reads
! grep -qi -e 'verification failed' -e error reads || fail "$(<reads)"
[[ $(grep -c '^read [0-9]*/[0-9]* bytes' reads) == 5 ]]

qemu-nbd -f qcow2 -r -k "$dir/socket" image &
at_exit kill $!
for _ in {1..100}; do
  [[ ! -S socket ]] || break
  sleep 0.1
done
qemu-img compare -q -f raw -F raw disk.raw "nbd+unix:///?socket=$dir/socket"

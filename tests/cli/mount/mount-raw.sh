#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -O raw --mount: the disk itself, out of a chain of backups too: one file of it is at hand.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"
need qemu-img

ext4_disk disk.raw 40M
need_fuse disk.raw
"$tool" disk.raw >monday.qcow2
cp --sparse=always disk.raw tuesday.raw
data tuesday.raw 38*M 100*K
"$tool" --base disk.raw -B monday.qcow2 -F qcow2 tuesday.raw >tuesday.qcow2
cp --sparse=always tuesday.raw wednesday.raw
data wednesday.raw 39*M 200*K
"$tool" --base tuesday.raw -B tuesday.qcow2 -F qcow2 wednesday.raw >wednesday.qcow2

mounted at -O raw -f qcow2 wednesday.qcow2
[[ $mounted == at/wednesday.raw ]] || fail "mounted as $mounted"
same at/wednesday.raw wednesday.raw
unmounted at

# A disk that ends amid a sector is a disk of whole ones.
truncate -s 1000001 odd.raw
data odd.raw 990000 10001
mounted at -O raw --name plain odd.raw
cp odd.raw padded.raw
truncate -s %512 padded.raw
same at/plain padded.raw
unmounted at

# One file, by way of a loop device.
need_root "to mount a file system"
device=
detach() { [[ -z $device ]] || { umount files 2>/dev/null || true; losetup -d "$device"; }; }
at_exit detach
mounted at -O raw -f qcow2 wednesday.qcow2
mkdir files
device=$(losetup --find --show --read-only at/wednesday.raw 2>losetup.log) || skip "no loop device: $(<losetup.log)"
mount -o ro,noload "$device" files 2>mount.log || skip "ext4 cannot be mounted here: $(<mount.log)"
diff -r --no-dereference files/sub tree/sub
same files/large tree/large
umount files
losetup -d "$device"
device=
unmounted at

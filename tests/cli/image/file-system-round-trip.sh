#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file system that went through an image is sound and holds the same files.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img e2fsck debugfs
ext4_disk disk.raw 32M
convert disk.raw image
check_image image disk.raw
qemu-img convert -f qcow2 -O raw image back.raw
same disk.raw back.raw
e2fsck -fn back.raw >e2fsck.log 2>&1 || fail "e2fsck: $(<e2fsck.log)"

mkdir copied
debugfs -R 'rdump / copied' back.raw >debugfs.log 2>&1
rmdir copied/lost+found
diff -r --no-dereference tree copied

# And as the kernel sees it.
[[ $EUID == 0 ]] || skip "the last step, a mount, needs root (all before it passed)"
mkdir mounted
mount -o loop,ro,noload back.raw mounted 2>mount.log ||
  skip "the last step, a mount: $(<mount.log) (all before it passed)"
at_exit umount "$dir/mounted"
diff -r --no-dereference --exclude=lost+found tree mounted

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A small machine: its disk is streamed, restored onto a device, and boots from there.
# ./dev packages guest installs what is needed; GUEST_KERNEL names another kernel than that in /boot.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need qemu-system-x86_64 syslinux mcopy mkfs.fat cpio busybox sfdisk
[[ $(uname -m) == x86_64 ]] || skip "the guest is one for x86_64"
kernel=${GUEST_KERNEL:-$(find /boot -maxdepth 1 -name 'vmlinuz-*' | sort -V | tail -n 1)}
[[ -r $kernel ]] || skip "there is no kernel in /boot"
mbr=/usr/lib/syslinux/mbr/mbr.bin
[[ -r $mbr ]] || skip "$mbr is not installed"
file -L "$(type -P busybox)" 2>/dev/null | grep -q 'statically linked' || skip "busybox-static is not installed"

# What the guest says when it is up, and says of a file that comes from its disk.
token=up-$RANDOM-$RANDOM
mkdir -p root/bin
cp "$(type -P busybox)" root/bin/busybox
data root/large 0 3*M
sum=$(md5sum <root/large)
cat >root/init <<END
#!/bin/busybox sh
echo "$token \$(/bin/busybox md5sum </large)"
/bin/busybox poweroff -f
END
chmod +x root/init
(cd root && find . | cpio --quiet -o -H newc) >initrd
cat >syslinux.cfg <<'END'
DEFAULT linux
LABEL linux
  LINUX vmlinuz
  INITRD initrd
  APPEND console=ttyS0 quiet panic=1
END
truncate -s 62M part
mkfs.fat -h 2048 part >mkfs.log
mcopy -i part "$kernel" ::vmlinuz
mcopy -i part initrd ::initrd
mcopy -i part syslinux.cfg ::syslinux.cfg
syslinux --install part
truncate -s 64M guest.raw
echo '2048,,c,*' | sfdisk -q guest.raw
dd if="$mbr" of=guest.raw bs=440 count=1 conv=notrunc status=none
dd if=part of=guest.raw bs=1M seek=1 conv=notrunc status=none

# The device held something else before, and nothing of it is left.
data device.raw 0 64*M
loop_device device.raw
"$tool" --compress=zstd guest.raw | "$from_stdin" -q "$loop"
same "$loop" guest.raw

# boots ACCELERATOR SECONDS
boots() {
  timeout "$2" qemu-system-x86_64 -accel "$1" -m 512 -nodefaults -display none -no-reboot -serial stdio \
    -drive file="$loop",format=raw,if=virtio >console 2>qemu.log || true
  grep -q "$token $sum" console
}
# Where the machine is a virtual one itself, KVM may be there and do nothing right.
[[ -w /dev/kvm ]] && boots kvm 30 || boots tcg 240 || fail "$(tail -n 3 qemu.log console)"

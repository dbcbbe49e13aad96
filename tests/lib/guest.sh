# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A small machine for the tests that boot one: a boot loader, a kernel and modules from a FAT partition, a root file system
# and swap space. ./dev packages guest installs what is needed; GUEST_KERNEL names another kernel than that in /boot.

need qemu-system-x86_64 syslinux mcopy mkfs.fat cpio busybox sfdisk mke2fs debugfs mkswap modprobe
[[ $(uname -m) == x86_64 ]] || skip "the guest is one for x86_64"
kernel=${GUEST_KERNEL:-$(find /boot -maxdepth 1 -name 'vmlinuz-*' | sort -V | tail -n 1)}
[[ -r $kernel ]] || skip "there is no kernel in /boot"
mbr=/usr/lib/syslinux/mbr/mbr.bin
[[ -r $mbr ]] || skip "$mbr is not installed"
file -L "$(type -P busybox)" 2>/dev/null | finds 'statically linked' || skip "busybox-static is not installed"

# modules_of MODULE...: the files of these modules of the guest's kernel, in the order in which they are loaded. What the
# kernel has built in has none.
modules_of() {
  local module version=${kernel##*/vmlinuz-}
  for module; do
    modprobe -S "$version" --show-depends "$module" 2>/dev/null || true
  done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}

# guest_initrd FILE: brings up the disk and hands over to the root file system there.
guest_initrd() {
  local module
  mkdir -p early/bin early/modules early/dev early/root
  cp "$(type -P busybox)" early/bin/busybox
  {
    echo '#!/bin/busybox sh'
    echo '/bin/busybox mount -t devtmpfs none /dev'
    for module in $(modules_of virtio_pci virtio_blk ext4); do
      cp "$module" early/modules
      echo "/bin/busybox insmod /modules/${module##*/}"
    done
    echo 'for n in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda2 ] && break; /bin/busybox sleep 1; done'
    echo '/bin/busybox mount -t ext4 /dev/vda2 /root'
    echo 'exec /bin/busybox switch_root /root /init'
  } >early/init
  chmod +x early/init
  (cd early && find . | cpio --quiet -o -H newc) >"$1"
}

# guest_root FILE: what the guest says when it is up, it says of files that come from its root file system, and after it
# has written there. Other files were deleted, whose rests are still there.
guest_root() {
  token=up-$RANDOM-$RANDOM
  mkdir -p root/bin root/dev root/large
  cp "$(type -P busybox)" root/bin/busybox
  for n in {1..8}; do
    data "root/large/kept-$n" 0 "$n*M" "$n"
    data "root/large/deleted-$n" 0 "$n*M" "$((100 + n))"
  done
  cat >root/init <<END
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox swapon /dev/vda3 && swap=on
/bin/busybox dd if=/dev/urandom of=/new bs=1M count=24 2>/dev/null
/bin/busybox sync
echo "$token swap \$swap \$(/bin/busybox cat /large/* | /bin/busybox md5sum)"
/bin/busybox swapoff -a
/bin/busybox mount -o remount,ro /
/bin/busybox poweroff -f
END
  chmod +x root/init
  mke2fs -q -F -t ext4 -E nodiscard -d root "$1" 96M >mke2fs.log 2>&1 || fail "mke2fs: $(<mke2fs.log)"
  for n in {1..8}; do echo "rm large/deleted-$n"; done | debugfs -w -f - "$1" >debugfs.log 2>&1 ||
    fail "debugfs: $(<debugfs.log)"
  rm root/large/deleted-*
  sum=$(cat root/large/* | md5sum)
}

# guest_disk FILE: the whole disk. Sets $token and $sum, which the guest says when it is up.
guest_disk() {
  guest_initrd initrd
  guest_root system
  cat >syslinux.cfg <<'END'
DEFAULT linux
LABEL linux
  LINUX vmlinuz
  INITRD initrd
  APPEND console=ttyS0 quiet panic=1
END
  truncate -s 62M boot
  mkfs.fat -h 2048 boot >mkfs.log
  mcopy -i boot "$kernel" ::vmlinuz
  mcopy -i boot initrd ::initrd
  mcopy -i boot syslinux.cfg ::syslinux.cfg
  syslinux --install boot
  # Swap space that was in use.
  data swap 0 8*M
  mkswap swap >mkswap.log 2>&1
  truncate -s 169M "$1"
  sfdisk -q "$1" <<<$'label: dos\n2048,62M,c,*\n129024,96M,83\n325632,8M,82'
  dd if="$mbr" of="$1" bs=440 count=1 conv=notrunc status=none
  dd if=boot of="$1" bs=1M seek=1 conv=notrunc status=none
  dd if=system of="$1" bs=1M seek=63 conv=notrunc status=none
  dd if=swap of="$1" bs=1M seek=159 conv=notrunc status=none
}

# boots_with ACCELERATOR SECONDS DEVICE
boots_with() {
  timeout "$2" qemu-system-x86_64 -accel "$1" -m 512 -nodefaults -display none -no-reboot -serial stdio \
    -drive file="$3",format=raw,if=virtio,cache=unsafe >console 2>qemu.log || true
  grep -q "$token swap on $sum" console
}

# guest_boots DEVICE: where the machine is a virtual one itself, KVM may be there and do nothing right.
guest_boots() {
  [[ -w /dev/kvm ]] && boots_with kvm 30 "$1" || boots_with tcg 240 "$1" || fail "$(tail -n 3 qemu.log console)"
}

# guest_is_sound DEVICE: what the guest has left of its root file system.
guest_is_sound() {
  part "$1" 63*M 96*M >left
  e2fsck -fn left >e2fsck.log 2>&1 || fail "e2fsck: $(<e2fsck.log)"
}

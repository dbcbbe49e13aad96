#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The output is not the device whose file system holds what is read, nor what lies behind that device, nor
# a file of an overlay that is also reached past it. Other files of that file system are no part of DISK.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

ext4_disk disk.img 48M
loop_device disk.img
mkdir mnt up low work over
mount "$loop" mnt 2>mount.log || skip "cannot mount: $(<mount.log)"
at_exit umount mnt
truncate -s 1M mnt/disk.raw base.raw
data mnt/disk.raw 0 300*K
sync -f mnt
cp mnt/disk.raw before

# refused NAME ARGUMENT...: writes to $output.
refused() {
  local status=0
  "$tool" "${@:2}" 1<>"$output" 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status: ${*:2} to $output"
  expect_stderr "$1: cannot be read: standard output writes to it"
}
for output in "$loop" disk.img; do
  refused mnt/disk.raw mnt/disk.raw
  refused mnt/disk.raw --base mnt/disk.raw -B b -F raw base.raw
  echo '[]' >mnt/map
  refused mnt/map --map mnt/map base.raw
done
status=0
"$tool" --save-plan mnt/plan base.raw 1<>"$loop" 2>stderr || status=$?
[[ $status == 1 && ! -e mnt/plan ]]
expect_stderr 'mnt/plan: cannot be written: the image goes there'
same mnt/disk.raw before
convert mnt/disk.raw mnt/image
rm mnt/image

# The chain of an image, without a server or names that QEMU would tell.
if type -P qemu-img >/dev/null; then
  qemu-img create -q -f qcow2 -b mnt/disk.raw -F raw middle.qcow2
  qemu-img create -q -f qcow2 -b 'json:{"driver":"qcow2","file.driver":"file","file.filename":"middle.qcow2"}' \
    -F qcow2 top.qcow2
  output=$loop
  refused mnt/disk.raw -f qcow2 top.qcow2
  refused mnt/disk.raw --base top.qcow2 --base-format qcow2 -B top.qcow2 -F qcow2 base.raw
  refused mnt/disk.raw --blockdev '{"driver":"qcow2","file":{"driver":"file","filename":"middle.qcow2"}}'
  same mnt/disk.raw before
fi
# What a server has open.
if type -P nbdkit >/dev/null; then
  output=$loop
  refused '.*/mnt/disk.raw' [ nbdkit file mnt/disk.raw ]
  serve socket file mnt/disk.raw
  output=disk.img
  refused '.*/mnt/disk.raw' "nbd+unix:///?socket=$dir/socket"
  same mnt/disk.raw before
fi

cp before up/disk.raw
mkdir -p over tmpfs
mount -t tmpfs none tmpfs && at_exit umount tmpfs
mkdir tmpfs/low tmpfs/up tmpfs/work
cp before tmpfs/up/disk.raw
if mount -t overlay none -o "lowerdir=tmpfs/low,upperdir=tmpfs/up,workdir=tmpfs/work" over 2>overlay.log; then
  at_exit umount over
  output=tmpfs/up/disk.raw
  refused over/disk.raw over/disk.raw
  output=over/disk.raw
  refused tmpfs/up/disk.raw tmpfs/up/disk.raw
  same over/disk.raw before
  convert over/disk.raw over/image
fi

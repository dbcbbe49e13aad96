#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --isolate changes nothing for images that stand alone, whatever their format and name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
need_isolation
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted
mkdir programs
! type -P qemu-nbd >/dev/null || ln -s "$(type -P qemu-nbd)" "$(type -P qemu-img)" programs/

name='./a, name: with "quotes" \ and {braces}'
for format in qcow2 qcow qed vmdk vdi vhdx vpc parallels luks; do
  qemu-img convert -f raw -O $format disk.raw "$name" 2>convert.log || continue
  convert "$name" plain -f $format
  for input in $format auto; do
    convert "$name" image --isolate -f "$input"
    same image plain
  done
done
qemu-img convert -f raw -O qcow2 -c disk.raw "$name"
for file in "$name" ./$'\xff.img' link; do
  [[ $file == "$name" ]] || ln -s "$name" "$file"
  convert "$file" image --isolate -f qcow2
  same image wanted
  if [[ -x programs/qemu-nbd ]]; then
    expect_status 0 env PATH="$dir/programs" "$tool" --isolate -f auto "$file"
    same stdout wanted
  fi
done

# There is nothing to isolate where QEMU is not used, and scripts need not care.
convert disk.raw image --isolate
same image wanted
convert disk.raw image --isolate -f auto
same image wanted
same wanted <("$tool" --isolate -f raw - <disk.raw)

# Increments.
qemu-img convert -f raw -O qcow2 disk.raw base.qcow2
cp base.qcow2 disk.qcow2
qemu-img bitmap --add -g 64k disk.qcow2 step
qemu-io -f qcow2 -c 'write -q -P 3 2M 64k' disk.qcow2
for source in '--dirty-bitmap step' '--base base.qcow2 --base-format qcow2'; do
  # shellcheck disable=SC2086
  convert disk.qcow2 plain -q -f qcow2 -B base.qcow2 -F qcow2 $source
  # shellcheck disable=SC2086
  convert disk.qcow2 image -q --isolate -f qcow2 -B base.qcow2 -F qcow2 $source
  same image plain
done
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 4 64k 64k' top.qcow2
convert top.qcow2 plain -f qcow2 -B base.qcow2 -F qcow2 --shallow
convert top.qcow2 image --isolate -f qcow2 -B base.qcow2 -F qcow2 --shallow
same image plain
expect_refusal 1 'top.qcow2: cannot be read alone: .*; use -c 65536 or less' \
  "$tool" --isolate -f qcow2 -B base.qcow2 -F qcow2 --shallow -c 128k top.qcow2
expect_refusal 1 'top.qcow2: refers to another file: it is isolated from all of them' \
  "$tool" --isolate -f qcow2 top.qcow2

# Root reads images of others.
if [[ $EUID == 0 ]]; then
  chown nobody base.qcow2
  chmod 600 base.qcow2
  convert base.qcow2 image --isolate -f qcow2
  same image wanted
fi
if [[ $EUID == 0 ]] && type -P losetup >/dev/null && device=$(losetup -f --show base.qcow2 2>losetup.log); then
  at_exit losetup -d "$device"
  convert "$device" image --isolate -f qcow2
  same image wanted
fi

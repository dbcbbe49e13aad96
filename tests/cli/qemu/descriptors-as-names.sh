#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /dev/stdin, /dev/fd/3 and /proc/self/fd/3 as DISK or base are files that we have open, whatever QEMU's
# own descriptors are; also one that has lost its name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-storage-daemon
[[ -e /proc/self/fd/0 && -e /dev/fd/0 ]] || skip "no /proc or no /dev/fd"
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted
mkdir images
cp disk.raw images/base.raw
qemu-img convert -f raw -O qcow2 disk.raw images/disk.qcow2
# Its backing file is beside it.
(cd images && qemu-img create -q -f qcow2 -b base.raw -F raw top.qcow2)
ln -s /dev/stdin link
ln -s link link-to-link

isolate=(--isolate)
"$tool" --isolate -f qcow2 images/disk.qcow2 >isolated 2>isolated.log || isolate=()
for image in images/disk.qcow2 images/top.qcow2; do
  for format in qcow2 auto; do
    for name in /dev/stdin /dev/fd/0 /proc/self/fd/0 /proc/thread-self/fd/0 link link-to-link; do
      convert "$name" image -f $format <$image
      same image wanted
    done
    for name in /dev/fd/3 /proc/self/fd/3; do
      convert "$name" image -f $format 3<$image
      same image wanted
    done
  done
  convert images/base.raw increment --base /dev/fd/3 --base-format qcow2 -B b -F raw 3<$image
  convert disk.raw same --base disk.raw -B b -F raw
  same increment same
  for name in /dev/stdin /proc/self/fd/0; do
    expect_status 0 "$tool" --blockdev '{"driver":"qcow2","file":{"driver":"file","filename":"'$name'"}}' <$image
    expect_silence
    same stdout wanted
  done
done
if [[ ${isolate[*]-} ]]; then
  convert /dev/stdin image -f qcow2 --isolate <images/disk.qcow2
  same image wanted
fi

# What it stands on is still protected.
status=0
"$tool" -f qcow2 /dev/stdin <images/top.qcow2 1<>images/base.raw 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status"
same images/base.raw disk.raw

# Without a name: the descriptor itself goes to QEMU.
for format in qcow2 auto; do
  for options in '' "${isolate[@]}"; do
    cp images/disk.qcow2 gone.qcow2
    exec 3<gone.qcow2
    rm gone.qcow2
    # shellcheck disable=SC2086
    convert /dev/fd/3 image -f $format $options
    same image wanted
    exec 3<&-
  done
done
if type -P qemu-nbd >/dev/null; then
  mkdir programs
  ln -s "$(type -P qemu-nbd)" programs/
  cp images/disk.qcow2 gone.qcow2
  exec 3<gone.qcow2
  rm gone.qcow2
  expect_status 0 env PATH="$dir/programs" "$tool" -f qcow2 /dev/fd/3
  same stdout wanted
  exec 3<&-
fi

expect_refusal 1 '/dev/fd/9: cannot be opened: no such file' "$tool" -f qcow2 /dev/fd/9
expect_status 1 "$tool" -f qcow2 /dev/stdin < <(cat images/disk.qcow2)
expect_messages 1
expect_stderr '/dev/stdin: .*neither a regular file nor a block device'

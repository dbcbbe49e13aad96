#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -f qcow2 starts no program and needs none: what QEMU makes of an image is read where there is no QEMU.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
ext4_disk disk.raw 8M
images=()

# A chain of three.
qemu-img convert -f raw -O qcow2 disk.raw base.qcow2
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 middle.qcow2
qemu-io -f qcow2 -c 'write -q -P 2 1M 300k' -c 'write -q -z 2M 1M' middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 1100k 512' -c 'write -q -P 4 7M 100k' top.qcow2
images+=(top.qcow2)

# Compressed clusters of both types, some of them overwritten.
for type in zlib zstd; do
  qemu-img convert -c -f raw -O qcow2 -o compression_type=$type disk.raw $type.qcow2 2>convert.log || continue
  qemu-io -f qcow2 -c 'write -q -P 5 100k 100k' -c 'write -q -P 6 5000000 1' $type.qcow2
  images+=("$type.qcow2")
done

# Subclusters.
qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k -b base.qcow2 -F qcow2 sub.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 0 4k' -c 'write -q -z 4k 4k' -c 'write -q -P 5 1M 1M' sub.qcow2
images+=(sub.qcow2)

# A data file.
qemu-img create -q -f qcow2 -o data_file=outside.data outside.qcow2 8M
qemu-io -f qcow2 -c 'write -q -P 9 1M 1M' -c 'write -q -z 1500k 64k' outside.qcow2
images+=(outside.qcow2)

((${#images[@]} >= 4))
mkdir nothing
for image in "${images[@]}"; do
  qemu-img convert -f qcow2 -O raw "$image" flat.raw
  PATH=$dir/nothing "$tool" -f qcow2 "$image" >copy.qcow2 2>stderr || fail "$image"
  expect_silence
  check_image copy.qcow2 flat.raw
  same copy.qcow2 <("$tool" flat.raw)
  PATH=$dir/nothing "$tool" -f qcow2 --base "$image" -F qcow2 --base-format qcow2 -B "$image" "$image" \
    >none.qcow2 2>stderr || fail "$image as a base"
  expect_silence
  check_image none.qcow2 flat.raw
done

# Where QEMU is installed it is not started either.
sanitized || ! type -P strace >/dev/null || ! strace -f -o strace.log true 2>/dev/null || {
  for image in "${images[@]}"; do
    strace -f -e trace=execve,execveat -o strace.log "$tool" -f qcow2 "$image" >copy.qcow2
    [[ $(grep -c 'execve' strace.log) == 1 ]] || fail "$image: $(<strace.log)"
  done
}

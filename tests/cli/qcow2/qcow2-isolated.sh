#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --isolate -f qcow2 needs no QEMU and changes nothing: the same bytes, the same id, the same messages.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
need_isolation
ext4_disk disk.raw 24M
images=()
for options in '' compat=0.10 cluster_size=512 cluster_size=2M extended_l2=on,cluster_size=128k refcount_bits=1; do
  name=plain-${options//[,=]/-}.qcow2
  qemu-img convert -f raw -O qcow2 ${options:+-o "$options"} disk.raw "$name"
  # Zeros in clusters and in parts of them, and clusters out of order.
  qemu-io -f qcow2 -c 'discard -q 3M 1M' -c 'write -q -z 5M 300k' -c 'write -q -P 7 3200k 100k' "$name"
  images+=("$name")
done
for type in zlib zstd; do
  for size in 4k 64k 2M; do
    name=$type-$size.qcow2
    qemu-img convert -c -f raw -O qcow2 -o "compression_type=$type,cluster_size=$size" disk.raw "$name" \
      2>convert.log || continue
    qemu-io -f qcow2 -c 'write -q -P 5 100k 100k' -c 'write -q -P 6 5000000 1' "$name"
    images+=("$name")
  done
done
qemu-img create -q -f qcow2 empty.qcow2 1T
images+=(empty.qcow2)
qemu-img create -q -f qcow2 nothing.qcow2 0
images+=(nothing.qcow2)

mkdir programs
isolated() { PATH=$dir/programs "$tool" --isolate "$@"; }
# alike ARGUMENT...: with the option and without.
alike() {
  local status=0 status_isolated=0
  "$tool" "$@" >wanted 2>wanted.log || status=$?
  isolated "$@" >stdout 2>stderr || status_isolated=$?
  [[ $status == "$status_isolated" ]] || fail "status $status_isolated, not $status: $*"
  same stdout wanted
  same stderr wanted.log
}
for image in "${images[@]}"; do
  alike -f qcow2 "$image"
  alike -f auto -T 1 "$image"
  alike -f qcow2 --measure=json "$image"
  alike -f qcow2 -c 128k --compress=zlib:1 "$image"
  alike -f qcow2 --scan holes "$image"
  alike -f qcow2 --scan holes --measure=map "$image"
  alike -f qcow2 --no-extents --measure=size "$image"
  alike -f qcow2 --offset 3000000 --length 700001 "$image"
  alike -f qcow2 --compress=keep -c "$(qemu-img info --output=json "$image" | sed -n 's/.*"cluster-size": \([0-9]*\).*/\1/p' | head -n 1)" "$image"
done

# Snapshots, bitmaps, and what an image holds beside the disk.
cp zlib-64k.qcow2 full.qcow2
qemu-img bitmap --add full.qcow2 step
qemu-img snapshot -c before full.qcow2
qemu-io -f qcow2 -c 'write -q -P 9 1M 3M' -c 'write -q -z 8M 1M' full.qcow2
alike -f qcow2 full.qcow2
alike -f qcow2 --measure=json full.qcow2
alike -f qcow2 -q -l before full.qcow2
alike -f qcow2 -q -l 1 --measure=id full.qcow2
alike -f qcow2 -l other full.qcow2
alike -f qcow2 -q --dirty-bitmap step -B base -F qcow2 full.qcow2
alike -f qcow2 -q --dirty-bitmap other -B base -F qcow2 full.qcow2
alike -f qcow2 -q --base plain-.qcow2 --base-format qcow2 -B base -F qcow2 full.qcow2

# Damage: L1 entries that make no sense, a table that is cut off, compressed data that does not decode.
cp full.qcow2 cut.qcow2
truncate -s 1M cut.qcow2
alike -f qcow2 cut.qcow2
for image in full.qcow2 plain-.qcow2 zstd-64k.qcow2; do
  [[ -e $image ]] || continue
  for offset in 4 20 32 36 40 48 60 65536 131072 196608 262144 262145 400000 524288; do
    cp $image odd.qcow2
    printf '\377\1' | dd of=odd.qcow2 bs=1 seek=$offset conv=notrunc status=none
    alike -f qcow2 -q odd.qcow2
  done
done

# A block device.
if [[ $EUID == 0 ]] && type -P losetup >/dev/null && device=$(losetup -f --show zlib-64k.qcow2 2>losetup.log); then
  at_exit losetup -d "$device"
  alike -f qcow2 "$device"
fi

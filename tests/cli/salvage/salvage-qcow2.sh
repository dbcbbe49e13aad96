#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --salvage of a qcow2 image: damage loses what it concerns and no more.
# shellcheck source-path=SCRIPTDIR source=../../lib/salvage.sh
. "$(dirname "$0")/../../lib/salvage.sh" || exit 1

need qemu-io
# An L2 table of clusters of 4 KiB maps 2 MiB.
truncate -s 8M disk.raw
data disk.raw 0 8*M
qemu-img convert -f raw -O qcow2 -o cluster_size=4k disk.raw whole.qcow2
qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k disk.raw packed.qcow2
qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd disk.raw zstd.qcow2
offset_mask=0x00fffffffffffe00
# l1 IMAGE INDEX, l2 IMAGE L1-INDEX INDEX: where the entry lies.
l1() { echo $(($(number "$1" 40) + 8 * $2)); }
l2() { echo $((($(number "$1" "$(l1 "$1" "$2")") & offset_mask) + 8 * $3)); }
# blob IMAGE L1-INDEX INDEX CLUSTER-BITS: where the compressed data lies.
blob() { echo $(($(number "$1" "$(l2 "$1" "$2" "$3")") & ((1 << (70 - $4)) - 1))); }
# change FILE OFFSET EXPRESSION-OF-OLD
change() {
  local old
  # shellcheck disable=SC2034  # used in the expression
  old=$(number "$1" "$2")
  number "$1" "$2" "$(($3))"
}

# finds DISK OFFSET LENGTH...: this is lost of `damaged.qcow2`, whatever is asked for.
finds() {
  local disk=$1 options
  shift
  cp "$disk" salvaged.raw
  zeros salvaged.raw "$@"
  for options in '' '--scan holes' '--scan none' '-T 1' '--compress=zstd' '-c 512'; do
    # shellcheck disable=SC2086
    salvage image.qcow2 -f qcow2 $options damaged.qcow2
    expect_lost "$@"
    check_image image.qcow2 salvaged.raw
  done
}
# as_qemu: QEMU reads the same of it.
as_qemu() {
  qemu-img convert --salvage -f qcow2 -O raw damaged.qcow2 theirs.raw 2>qemu.log || true
  cmp theirs.raw salvaged.raw || fail "QEMU reads something else"
}

# --- tables ---
cp whole.qcow2 damaged.qcow2
finds disk.raw
change damaged.qcow2 "$(l2 whole.qcow2 0 7)" 'old + 512'
finds disk.raw 28*K 4*K
expect_stderr 'damaged.qcow2: 4096 bytes at offset 28672 are lost: the cluster cannot be read: its offset [0-9]+ is'
expect_status 1 "$tool" -f qcow2 damaged.qcow2
change damaged.qcow2 "$(l2 whole.qcow2 0 8)" 'old + (1 << 40)'
change damaged.qcow2 "$(l1 whole.qcow2 1)" 'old + 512'
finds disk.raw 28*K 8*K 2*M 2*M
expect_stderr '2097152 bytes at offset 2097152 are lost: L1 entry 1 has the offset [0-9]+ for its L2 table'
change damaged.qcow2 "$(l1 whole.qcow2 2)" 'old + (1 << 40)'
finds disk.raw 28*K 8*K 2*M 4*M
cp whole.qcow2 damaged.qcow2
change damaged.qcow2 "$(l2 whole.qcow2 0 8)" 'old + (1 << 40)'
change damaged.qcow2 "$(l1 whole.qcow2 2)" 'old + (1 << 40)'
finds disk.raw 32*K 4*K 4*M 2*M
as_qemu
# What is said of an area that two tables are damaged for is said once; a smaller disk knows nothing of it.
qemu-img create -q -f qcow2 -b damaged.qcow2 -F qcow2 over.qcow2 5M
qemu-io -f qcow2 -c 'write -q -P 7 0 64k' -c 'write -q -z 4M 64k' over.qcow2
cp damaged.qcow2 below.qcow2
mv over.qcow2 damaged.qcow2
qemu-img rebase -u -b below.qcow2 -F qcow2 damaged.qcow2
head -c 5M disk.raw >over.raw
zeros over.raw 4*M 64*K
printf '\7%.0s' {1..65536} | dd of=over.raw conv=notrunc bs=64k status=none
finds over.raw 4*M+64*K 1*M-64*K
expect_stderr 'are lost: below.qcow2: the L2 table of L1 entry 2 lies at [0-9]+, behind the end of the file'
# An increment has zeros there, whatever its own backing file holds.
cp whole.qcow2 damaged.qcow2
change damaged.qcow2 "$(l2 whole.qcow2 0 8)" 'old + 512'
data base.raw 0 8*M 77
status=0
"$tool" -q --salvage -f qcow2 --base base.raw -B base.raw -F raw damaged.qcow2 >delta.qcow2 2>stderr || status=$?
[[ $status == 5 ]] || fail "status $status"
cp disk.raw salvaged.raw
zeros salvaged.raw 32*K 4*K
check_image delta.qcow2 salvaged.raw
qemu-img rebase -u -b base.raw -F raw damaged.qcow2
status=0
"$tool" -q --salvage -f qcow2 --shallow -c 4k -B base.raw -F raw damaged.qcow2 >delta.qcow2 2>stderr || status=$?
[[ $status == 5 ]] || fail "status $status"
check_image delta.qcow2 salvaged.raw

# --- an image that was cut off ---
for left in 6*M 3*M+5; do
  cp whole.qcow2 damaged.qcow2
  truncate -s "$((left))" damaged.qcow2
  salvage image.qcow2 -f qcow2 damaged.qcow2
  cp disk.raw salvaged.raw
  # A cluster of which only the end is missing is no loss: QEMU does not fill up the last one.
  [[ -s lost ]] || fail "nothing is lost"
  first=$(sed -n 's/+.*//p;q' lost)
  missing=$((-left & 4095))
  # shellcheck disable=SC2046
  zeros salvaged.raw $(tr '+' ' ' <lost) "$((first - missing))" "$((missing))"
  check_image image.qcow2 salvaged.raw
  as_qemu
done
cp whole.qcow2 damaged.qcow2
truncate -s "$(l1 whole.qcow2 2)" damaged.qcow2
finds disk.raw 0 8*M

# --- compressed clusters ---
for n in 0 3 600; do
  cp packed.qcow2 damaged.qcow2
  at=$(blob packed.qcow2 $((n / 512)) $((n % 512)) 12)
  printf '\xff\xff\xff\xff' | dd of=damaged.qcow2 bs=1 seek="$at" conv=notrunc status=none
  finds disk.raw $n*4*K 4*K
  expect_stderr "$((n * 4096)) are lost: .*(at $at in the file)"
  as_qemu
done
# The beginning of the cluster can be decoded.
cp zstd.qcow2 damaged.qcow2
at=$(blob zstd.qcow2 0 5 16)
# shellcheck disable=SC2034  # used in expressions
next=$(blob zstd.qcow2 0 6 16)
data damaged.qcow2 "(at + next) / 2" "(next - at) / 2"
salvage image.qcow2 -f qcow2 damaged.qcow2
grep -qx "$((5 * 65536))+65536" lost || fail "not the whole cluster: $(<lost)"
cp disk.raw salvaged.raw
# shellcheck disable=SC2046
zeros salvaged.raw $(tr '+' ' ' <lost)
check_image image.qcow2 salvaged.raw

# --- what says nothing of the disk ---
cp whole.qcow2 damaged.qcow2
qemu-img snapshot -c one damaged.qcow2
number damaged.qcow2 64 "$((1 << 40))"
expect_status 1 "$tool" -f qcow2 damaged.qcow2
expect_status 0 "$tool" --salvage -f qcow2 damaged.qcow2
expect_messages 1
expect_stderr 'damaged.qcow2: .*snapshot'
check_image stdout disk.raw 2>/dev/null || qemu-img compare -q -f raw -F qcow2 disk.raw stdout
expect_status 1 "$tool" --salvage -f qcow2 -l one damaged.qcow2

# --- places of the file that cannot be read ---
cluster=$(number whole.qcow2 "$(l2 whole.qcow2 3 100)")
FAULTS="source:@$(l2 whole.qcow2 1 0):EIO source:@$(((cluster & offset_mask) + 100)):EIO"
export FAULTS
with=("$DENY_SYSCALLS" EPERM io_uring_setup env LD_PRELOAD="$FAULT_SHIM")
cp whole.qcow2 damaged.qcow2
finds disk.raw 2*M 2*M 6*M+400*K 4*K
expect_stderr 'at offset 2097152 are lost: its L2 table cannot be read: input/output error'
FAULTS="source:@$(blob packed.qcow2 0 9 12):EIO"
cp packed.qcow2 damaged.qcow2
salvage image.qcow2 -f qcow2 damaged.qcow2
grep -q "^$((8 * 4096))+\|^$((9 * 4096))+" lost || fail "lost is $(<lost)"
cp disk.raw salvaged.raw
# shellcheck disable=SC2046
zeros salvaged.raw $(tr '+' ' ' <lost)
check_image image.qcow2 salvaged.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --salvage: places of a file that cannot be read become zeros, to 4 KiB, and the rest is complete.
# shellcheck source-path=SCRIPTDIR source=../../lib/salvage.sh
. "$(dirname "$0")/../../lib/salvage.sh" || exit 1

truncate -s 8M disk.raw
data disk.raw 0 3*M
data disk.raw 5*M+12345 1*M
# The beginning of a cluster, its middle, two places that adjoin, the last byte of the data.
faults=(0 1000000 1048576 1052672 6303520)
lost=(0 4*K 999424 4*K 1*M 8*K 6303520/4096*4096 4*K)
cp disk.raw salvaged.raw
zeros salvaged.raw "${lost[@]}"

# The library cannot see into io_uring.
export FAULT_SHIM FAULTS
FAULTS=$(printf 'source:@%s:EIO ' "${faults[@]}")
with=("$DENY_SYSCALLS" EPERM io_uring_setup env LD_PRELOAD="$FAULT_SHIM")
expect_status 1 "${with[@]}" "$tool" disk.raw
expect_messages 1
expect_stderr 'disk.raw: read at offset [0-9]+ failed: input/output error'

for options in '' '-T 1' '-c 512' '-c 2M' '--scan holes' '--scan none' '--compress' '--compress --spool-memory 0' \
  '--scan none --compress=zstd'; do
  # shellcheck disable=SC2086
  salvage image.qcow2 $options disk.raw
  expect_lost "${lost[@]}"
  expect_stderr 'disk.raw: 8192 bytes at offset 1048576 are lost: input/output error$'
  check_image image.qcow2 salvaged.raw
done
salvage image.qcow2 disk.raw
# What is lost in the beginning of the clusters the survey knows, and so does the id.
size=$(size_of image.qcow2)
with_id() { "${with[@]}" "$tool" --salvage "$@" disk.raw 2>stderr || [[ $? == 5 ]]; }
id=$(with_id --measure=id)
[[ $(with_id --measure=size) == "$size" ]]
[[ $(FAULTS='' with_id --measure=id) != "$id" ]] || fail "the same id where nothing is lost"
[[ $("$tool" --measure=id disk.raw) != "$(FAULTS='' with_id --measure=id)" ]] || fail "the same id without --salvage"
with_id --if-match "$id" >again.qcow2
same image.qcow2 again.qcow2
status=0
FAULTS='' "${with[@]}" "$tool" --salvage --if-match "$id" disk.raw >stdout 2>stderr || status=$?
[[ $status == 4 && ! -s stdout ]] || fail "status $status"
# Ranges make the whole.
rm again.qcow2
for ((at = 0; at < size; at += 777777)); do
  with_id --if-match "$id" --offset "$at" --length 777777 >>again.qcow2
done
same image.qcow2 again.qcow2

# All of it.
FAULTS='source:1+:EIO'
salvage image.qcow2 disk.raw
expect_lost 0 3*M 5*M+12*K 1*M+4*K
truncate -s 8M nothing.raw
check_image image.qcow2 nothing.raw
# Nothing.
FAULTS=''
salvage image.qcow2 disk.raw
expect_lost
check_image image.qcow2 disk.raw
"$tool" disk.raw >plain.qcow2
same image.qcow2 plain.qcow2
# Something that goes wrong once only stays as it was seen then.
FAULTS='source:3:EIO'
salvage image.qcow2 -T 1 disk.raw
[[ $(wc -l <lost) == 0 ]] || fail "it could be read the second time"

# A base is not salvaged.
cp disk.raw base.raw
FAULTS='source:@1000000:EIO'
expect_status 1 "${with[@]}" "$tool" --salvage --scan none -B base.raw -F raw --base base.raw nothing.raw
expect_stderr 'base.raw: read at offset [0-9]+ failed'

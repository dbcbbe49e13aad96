#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# io_uring where it is allowed, threads where it is not: the same image, cached or not, and an error
# of either is an error of the run.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 60M disk.raw
data disk.raw 2*M 30*M
for ((i = 0; i < 200; i++)); do data disk.raw $((34 * M + i * 130000)) 1; done
without() { "$DENY_SYSCALLS" EOPNOTSUPP "$@"; }
forget_cached() { dd of=disk.raw oflag=nocache conv=notrunc,fdatasync count=0 status=none; }

for options in '' '-c 512' '-c 4k' '-c 2M' '--no-extents' '-T 1' '-T 7'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >wanted
  check_image wanted disk.raw
  for calls in io_uring_setup io_uring_setup,preadv2; do
    # shellcheck disable=SC2086
    without $calls "$tool" $options disk.raw >image
    same image wanted
    forget_cached
    # shellcheck disable=SC2086
    without $calls "$tool" $options disk.raw >image
    same image wanted
  done
  forget_cached
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image
  same image wanted
done

[[ -z ${QCOW2STREAM_SANITIZE:-} ]] || exit 0
# pread() is what the threads use and io_uring does not.
measure=("$tool" -f raw --measure=size disk.raw)
export FAULTS=pread:1+:EIO
expect_status 0 env LD_PRELOAD="$FAULT_SHIM" "${measure[@]}"
expect_refusal 1 'disk.raw: read at offset [0-9]+ failed: input/output error' \
  without io_uring_setup,preadv2 env LD_PRELOAD="$FAULT_SHIM" "${measure[@]}"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that becomes shorter while it is read: status 3, and less output than was announced.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

for options in '' '--scan none' '--scan holes -T 1' '-c 512' '--offset 8M'; do
  rm -f disk.raw
  truncate -s 32M disk.raw
  data disk.raw 0 32*M
  # shellcheck disable=SC2086
  announced=$("$tool" $options disk.raw | wc -c)
  for left in 31M 20M 1M 100 0; do
    [[ $(size_of disk.raw) == $((32 * M)) ]] || { truncate -s 32M disk.raw; data disk.raw 0 32*M; }
    # shellcheck disable=SC2086
    stall 100000 $options disk.raw
    truncate -s "$left" disk.raw
    drain
    [[ $status == 3 ]] || fail "status $status with '$options', truncated to $left"
    expect_messages 1
    written=$(size_of received)
    ((written < announced)) || fail "$written bytes, no less than was announced"
    expect_stderr "^qcow2-to-stdout: disk\.raw: changed while it was read \(.+\)"
    from=
    [[ $options != '--offset 8M' ]] || from=" from offset $((8 * M))"
    expect_stderr "output is incomplete \($written of $announced bytes$from\), discard it\$"
  done
done

# A block device that becomes smaller.
rm -f disk.raw
truncate -s 32M disk.raw
data disk.raw 0 32*M
cp disk.raw whole.raw
for options in '' '--scan none' '-T 1 -c 512'; do
  for left in 31M 1M; do
    cp whole.raw disk.raw
    loop_device disk.raw -r
    # shellcheck disable=SC2086
    stall 100000 $options "$loop"
    truncate -s "$left" disk.raw
    losetup -c "$loop"
    drain
    [[ $status == 3 ]] || fail "status $status with '$options', device of $left"
    expect_messages 1
    expect_stderr "^qcow2-to-stdout: $loop: changed while it was read \(.+\)"
    expect_stderr "output is incomplete .*, discard it\$"
  done
done

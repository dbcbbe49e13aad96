#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --measure tells the exact size, for people as qemu-img does, or as the number alone.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 10000001 disk.raw
data disk.raw 100 2*M
data disk.raw 9*M 5
for options in '' '-c 512' '-c 2M -r 64' '-v 2' '--scan none' '--scan holes' '-R' '-d -c 4096'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image
  # shellcheck disable=SC2086
  "$tool" $options --measure=size disk.raw >size
  same size <(size_of image)

  # shellcheck disable=SC2086
  full=$("$tool" ${options/--scan holes/} --scan none --measure=size disk.raw)
  # shellcheck disable=SC2086
  "$tool" $options --measure disk.raw >human
  same <(head -n 2 human) <(printf 'required size: %s\nfully allocated size: %s\n' \
    "$(size_of image)" "$full")
  # shellcheck disable=SC2086
  same human <("$tool" $options --measure=human disk.raw)
done

# Of a range, its own size.
for range in '--offset 100000' '--length 5' '--offset 65536 --length 1T' '--length 0'; do
  # shellcheck disable=SC2086
  [[ $("$tool" --measure=size $range disk.raw) == "$("$tool" $range disk.raw | wc -c)" ]] ||
    fail "the size of $range"
done

# The two lines are the ones that qemu-img prints.
if type -P qemu-img >/dev/null; then
  qemu-img measure -f raw -O qcow2 disk.raw | sed 's/[0-9]\+/N/' >wanted
  "$tool" --measure disk.raw | sed -n '1,2s/[0-9]\+/N/p' >lines
  same lines wanted
fi

# An answer that was not written is a failure, too.
status=0
"$tool" --measure disk.raw 2>stderr >/dev/full || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_messages 1

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --shallow: what the top image of a chain holds itself. Nothing below it has to be there, unless the clusters
# of the output are larger than what it holds.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 10M base.raw
data base.raw 0 6*M
qemu-img create -q -f qcow2 -b base.raw -F raw middle.qcow2
qemu-io -f qcow2 -c 'write -q -P 2 0 1M' middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 1M 100k' -c 'write -q -z 2M 1M' -c 'write -q -P 4 9M 512' top.qcow2
qemu-img convert -f qcow2 -O raw top.qcow2 disk.raw

over=(-f qcow2 -B middle.qcow2 -F qcow2)
for options in '' '-v 2' '-c 4096' '-c 2M' '-c 2M --extended-l2' '--extended-l2' '--scan holes' '--scan none'; do
  # shellcheck disable=SC2086
  convert top.qcow2 image.qcow2 "${over[@]}" --shallow $options
  check_image image.qcow2 disk.raw
  # shellcheck disable=SC2086
  same image.qcow2 <("$tool" "${over[@]}" --top-layer top.qcow2 $options)
done

# Alone. (Then QEMU completes what the guest wrote to a part of, so the top has whole clusters.)
mkdir alone
cp top.qcow2 alone
convert alone/top.qcow2 image.qcow2 "${over[@]}" --shallow
check_image image.qcow2 disk.raw
(($(size_of image.qcow2) == (5 + 3) * 65536))
convert alone/top.qcow2 image.qcow2 "${over[@]}" --shallow -c 2M --extended-l2
check_image image.qcow2 disk.raw
expect_refusal 1 'alone/top.qcow2: .*middle.qcow2.*use -c 65536 or less' \
  "$tool" "${over[@]}" --shallow -c 2M alone/top.qcow2

# Over a raw disk the chain has one image. Larger clusters need the disk below, which is none of the top's own.
qemu-img create -q -f qcow2 -b base.raw -F raw over.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 1M 100k' over.qcow2
qemu-img convert -f qcow2 -O raw over.qcow2 over.raw
for options in '' '-c 128k' '-c 2M' '-c 128k --base-manifest base.manifest'; do
  "$tool" --save-manifest base.manifest base.raw >/dev/null
  # shellcheck disable=SC2086
  convert over.qcow2 image.qcow2 -f qcow2 -B base.raw -F raw --shallow $options
  check_image image.qcow2 over.raw
  # Five clusters of header and tables, and what the guest has written to, which lies in two of 64 KiB.
  case $options in
    '') cluster=$((64 * K)) data=2 ;;
    *2M*) cluster=$((2 * M)) data=1 ;;
    *) cluster=$((128 * K)) data=1 ;;
  esac
  (($(size_of image.qcow2) / cluster == 5 + data)) || fail "$options: $(size_of image.qcow2) bytes"
done

expect_refusal 2 '--shallow: needs -f' "$tool" --shallow -B b -F raw base.raw

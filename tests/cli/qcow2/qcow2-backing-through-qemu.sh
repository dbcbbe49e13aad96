#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Backing files of other formats and behind json: names are QEMU's to read, and give the same image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io qemu-nbd
truncate -s 8M base.raw
data base.raw 1*M 3*M
qemu-img convert -f raw -O vmdk base.raw base.vmdk
qemu-img convert -f raw -O qcow2 base.raw base.qcow2
mkdir nothing

# over BACKING FORMAT
over() {
  qemu-img create -q -f qcow2 -b "$1" -F "$2" over.qcow2
  qemu-io -f qcow2 -c 'write -q -P 1 2M 100k' over.qcow2
  qemu-img create -q -f qcow2 -b over.qcow2 -F qcow2 top.qcow2
  qemu-io -f qcow2 -c 'write -q -z 2050k 1M' top.qcow2
}
over base.raw raw
convert top.qcow2 wanted -f qcow2
qemu-img convert -f qcow2 -O raw top.qcow2 flat.raw
check_image wanted flat.raw
convert top.qcow2 increment -f qcow2 --shallow -B over.qcow2 -F qcow2

file='{"driver":"file","filename":"base.'
for backing in 'base.vmdk vmdk' "json:{\"driver\":\"raw\",\"file\":${file}raw\"}} raw" \
  "json:{\"driver\":\"qcow2\",\"file\":${file}qcow2\"}} qcow2" 'file:base.raw raw'; do
  over "${backing% *}" "${backing##* }"
  convert top.qcow2 copy.qcow2 -f qcow2
  same copy.qcow2 wanted
  # What is asked for lies above it.
  convert top.qcow2 copy.qcow2 -f qcow2 --shallow -B over.qcow2 -F qcow2
  same copy.qcow2 increment
  PATH=$dir/nothing expect_status 1 "$tool" -f qcow2 top.qcow2
  expect_messages 1
done

# What QEMU has no word for is not left to it.
over base.vmdk vmdk
qemu-img snapshot -c now over.qcow2
expect_refusal 1 'over.qcow2: can be read by QEMU only: its backing file has the format vmdk' \
  "$tool" -f qcow2 -l now over.qcow2
expect_refusal 1 'over.qcow2: can be read by QEMU only: its backing file has the format vmdk' \
  "$tool" -f qcow2 --shallow=2 -c 2M -B base.vmdk -F vmdk top.qcow2
expect_status 0 "$tool" -f qcow2 --shallow=2 -B base.vmdk -F vmdk top.qcow2

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file name reaches QEMU as it is: nothing in it is an option, a protocol or an escape.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 1M disk.raw
data disk.raw 0 100*K
convert disk.raw wanted
for format in qcow2 vmdk; do qemu-img convert -f raw -O $format disk.raw disk.$format; done
# Longer than a socket's name may be, and nearly as long as a path may be.
long=$(printf 'n%.0s' {1..254})
deep=$(printf "d$long/%.0s" {1..14})disk
mkdir -p "${deep%/*}"
# shellcheck disable=SC2016
for name in 'com,ma,driver=null-co' 'com,,ma' 'col:on' 'nbd:localhost:10809' 'json:{"driver":"null-co"}' \
  'fat:x' 'file:disk.raw' './-dash' $'new\nline' $'tab\tescape\x1b[31m' "quotes'\"" 'back\slash\n\u0041' \
  '{brace}' './[' 'a]' 'percent %s%n' '$HOME' '*' ' ' 'Grüße 日本 🙂' $'\x7f' \
  "$long" "$deep"; do
  # QEMU reads the one, and we the other.
  for format in vmdk qcow2; do
    cp disk.$format "$name"
    convert "$name" image -f $format
    same image wanted
    convert "$dir/$name" image -f $format
    same image wanted
    rm -- "$name"
    expect_refusal 1 'No such file|not a file' "$tool" -f $format "$name"
  done
done
cp disk.vmdk -- -dash
expect_status 0 "$tool" -f vmdk -- -dash
same stdout wanted

# What QEMU says of a broken image stays on one line.
printf 'nothing\n' >$'broken\nimage "quoted", with: {"}: '
expect_refusal 1 'QEMU cannot open it' "$tool" -f vmdk $'broken\nimage "quoted", with: {"}: '

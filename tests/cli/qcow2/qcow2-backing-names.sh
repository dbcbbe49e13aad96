#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Chains of backing files: where each is looked for, images of other sizes below, raw at the bottom; what is
# missing is named with the image that names it, and a chain that leads back to itself is refused.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
reads_as_qemu() {
  qemu-img convert -f qcow2 -O raw "$1" flat.raw
  convert "$1" copy.qcow2 -f qcow2
  same copy.qcow2 <("$tool" flat.raw)
}

# Five images in four directories; each name is relative to the image that has it, but for one.
mkdir -p a/b c d
truncate -s 8M a/bottom.raw
data a/bottom.raw 0 1*M
data a/bottom.raw 4*M 2*M
(cd a/b && qemu-img create -q -f qcow2 -b ../bottom.raw -F raw one.qcow2)
qemu-io -f qcow2 -c 'write -q -P 1 0 200k' a/b/one.qcow2
(cd a && qemu-img create -q -f qcow2 -b b/one.qcow2 -F qcow2 two.qcow2)
qemu-io -f qcow2 -c 'write -q -P 2 128k 200k' -c 'write -q -z 4M 1M' a/two.qcow2
qemu-img create -q -f qcow2 -b "$dir/a/two.qcow2" -F qcow2 c/three.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 256k 200k' c/three.qcow2
(cd d && qemu-img create -q -f qcow2 -b ../c/three.qcow2 -F qcow2 './a:b, "four" é.qcow2') ||
  fail "no image with such a name"
four='d/a:b, "four" é.qcow2'
qemu-io -f qcow2 -c 'write -q -P 4 384k 200k' "$four"
qemu-img create -q -f qcow2 -b "./$four" -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 5 512k 200k' top.qcow2
reads_as_qemu top.qcow2
(cd / && "$tool" -f qcow2 "$dir/top.qcow2") >again.qcow2
same copy.qcow2 again.qcow2
ln -s ../top.qcow2 c/link.qcow2
expect_refusal 1 'c/\./d/a:b.*No such file.*it is the backing file of c/link.qcow2' \
  "$tool" -f qcow2 c/link.qcow2

# By its descriptor an image has no directory: the one where it lies counts.
exec {top}<d/../top.qcow2
"$tool" -f qcow2 "/dev/fd/$top" >again.qcow2
"$tool" -f qcow2 top.qcow2 >copy.qcow2
same copy.qcow2 again.qcow2
exec {top}<&-

# Backing files that are shorter and longer, also by a part of a cluster, and not of whole sectors.
data short.raw 4*M 805697
truncate -s 20M long.raw
data long.raw 4*M 8*M
for below in short long; do
  qemu-img convert -f raw -O qcow2 $below.raw $below.qcow2
  for format in raw qcow2; do
    qemu-img create -q -f qcow2 -b "$below.$format" -F $format over.qcow2 10000384
    reads_as_qemu over.qcow2
    qemu-io -f qcow2 -c 'write -q -P 7 4999000 3000' -c 'write -q -P 8 9999872 512' over.qcow2
    # What lies behind the end of the one in the middle is zeros, whatever is below it.
    qemu-img create -q -f qcow2 -b over.qcow2 -F qcow2 longest.qcow2 30M
    reads_as_qemu longest.qcow2
  done
done

# Something is missing.
mv a/b/one.qcow2 elsewhere
expect_refusal 1 'a/b/one.qcow2: .*No such file.*; it is the backing file of .*a/two.qcow2$' \
  "$tool" -f qcow2 top.qcow2
mv elsewhere a/b/one.qcow2
mv a/bottom.raw elsewhere
expect_refusal 1 'bottom.raw: .*No such file.*; it is the backing file of .*a/b/one.qcow2$' \
  "$tool" -f qcow2 top.qcow2
mkdir a/bottom.raw
expect_refusal 1 'bottom.raw: .*; it is the backing file of .*a/b/one.qcow2$' "$tool" -f qcow2 top.qcow2
rmdir a/bottom.raw
mv elsewhere a/bottom.raw
truncate -s 100 short.qcow2
qemu-img create -q -f qcow2 -u -b short.qcow2 -F qcow2 over.qcow2 1M
expect_refusal 1 'short.qcow2: cannot be read as qcow2: .*' "$tool" -f qcow2 over.qcow2

# Round and round.
qemu-img rebase -u -b ../top.qcow2 -F qcow2 a/two.qcow2
expect_refusal 1 'top.qcow2: cannot be read as qcow2: the chain of backing files leads back to it' \
  "$tool" -f qcow2 top.qcow2
qemu-img create -q -f qcow2 itself.qcow2 1M
qemu-img rebase -u -b itself.qcow2 -F qcow2 itself.qcow2
expect_refusal 1 'itself.qcow2: .*leads back to it' "$tool" -f qcow2 itself.qcow2

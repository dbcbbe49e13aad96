#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image with backing files is read as the one disk that the chain makes, also where the images
# of the chain differ in size, format and cluster size.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
ext4_disk base.raw 8M
qemu-img convert -f raw -O qcow2 -o cluster_size=512 base.raw base.qcow2
for base in base.raw base.qcow2; do
  for size in 8M 12M 5000192 512; do
    rm -f top.qcow2
    qemu-img create -q -f qcow2 -b $base -F "${base#*.}" top.qcow2 $size
    same_as_flat top.qcow2 qcow2
    qemu-io -f qcow2 -c 'write -P 1 0 512' top.qcow2 >io.log
    [[ $size == 512 ]] ||
      qemu-io -f qcow2 -c 'write -P 2 1M 70000' -c 'write -z 2M 128k' -c 'write -P 3 4999680 512' top.qcow2 >io.log
    same_as_flat top.qcow2 qcow2
  done
done

# A longer overlay over a shorter one over a base: what lies behind the middle one's end is zero.
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 middle.qcow2 3M
qemu-img create -q -f qcow2 -o cluster_size=4096 -b middle.qcow2 -F qcow2 top.qcow2 10000384
same_as_flat top.qcow2 qcow2
qemu-io -f qcow2 -c 'write -P 4 2200000 2M' top.qcow2 >io.log
same_as_flat top.qcow2 qcow2

# A relative backing file lies next to its image, wherever we are called.
mkdir elsewhere
(cd elsewhere && "$tool" -f qcow2 ../top.qcow2) >image 2>stderr
expect_silence
same image flat.qcow2

# Other formats have backing files, too.
qemu-img create -q -f qed -b base.raw -F raw top.qed 2>create.log && same_as_flat top.qed qed

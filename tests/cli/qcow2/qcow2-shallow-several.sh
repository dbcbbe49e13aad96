#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --shallow=N: what the topmost images of a chain hold becomes one increment, over the image below them.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 8M base.raw
data base.raw 0 6*M
qemu-img convert -f raw -O qcow2 base.raw one.qcow2
below=one
for next in two three four five; do
  qemu-img create -q -f qcow2 -b $below.qcow2 -F qcow2 $next.qcow2
  below=$next
done
qemu-io -f qcow2 -c 'write -q -P 2 0 1M' -c 'write -q -z 5M 128k' two.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 512k 1M' -c 'write -q -P 13 7M 64k' three.qcow2
qemu-io -f qcow2 -c 'write -q -z 1M 1M' -c 'write -q -P 4 3M 100k' four.qcow2
qemu-io -f qcow2 -c 'write -q -P 5 3100k 1k' -c 'write -q -z 7M 64k' five.qcow2
qemu-img convert -f qcow2 -O raw five.qcow2 disk.raw

# is_overlay IMAGE: over the second one it is the disk of the fifth.
is_overlay() {
  qemu-img compare -q -f qcow2 -F qcow2 "$1" five.qcow2 || fail "another disk"
  check_image "$1" disk.raw
}
over=(-f qcow2 -B two.qcow2 -F qcow2)
for options in '' '-v 2' '-c 4096' '-c 2M' '--extended-l2' '--scan holes' '--scan none' '--compress=zlib'; do
  # shellcheck disable=SC2086
  convert five.qcow2 image.qcow2 "${over[@]}" --shallow=3 $options
  is_overlay image.qcow2
done

# It holds what the three hold and no more: 0.5-2 MiB, 3 MiB and the 64 KiB behind, 7 MiB.
convert five.qcow2 wanted "${over[@]}" --shallow=3
is_overlay wanted
"$helpers/l2_entries.py" wanted >entries
[[ $(grep -c '^[0-9a-f]* [0-9a-f]*$' entries) == $(((1536 + 128 + 64) / 64)) ]] || fail "$(<entries)"

# QEMU's own way to the same.
mkdir committed
cp ./*.qcow2 committed
(cd committed && qemu-img rebase -q -f qcow2 -b two.qcow2 -F qcow2 five.qcow2)
qemu-img compare -q -f qcow2 -F qcow2 committed/five.qcow2 wanted

# One image is what --shallow says; all of them are the whole disk.
convert five.qcow2 one -f qcow2 -B four.qcow2 -F qcow2 --shallow=1
same one <("$tool" -f qcow2 -B four.qcow2 -F qcow2 --shallow five.qcow2)
convert five.qcow2 image.qcow2 -f qcow2 --shallow=5
check_image image.qcow2 disk.raw
expect_refusal 1 'five.qcow2: has fewer images in its chain: 5, not 6' "$tool" -f qcow2 --shallow=6 five.qcow2
expect_refusal 1 'five.qcow2: has fewer images in its chain: 5, not 256' "$tool" -f qcow2 --shallow=256 five.qcow2
for wrong in 0 -1 x 1.5 257 ''; do
  expect_refusal 2 '--shallow' "$tool" "${over[@]}" --shallow="$wrong" five.qcow2
done
expect_refusal 2 '--shallow: more than one image needs -f qcow2' "$tool" -f vmdk --shallow=2 five.qcow2
expect_refusal 2 '--shallow: more than one image needs -f qcow2' "$tool" --isolate -f qcow2 --shallow=2 five.qcow2

# A plan of it knows how many there were.
"$tool" "${over[@]}" --shallow=3 --save-plan plan --measure=size five.qcow2 >size
[[ $(<size) == $(size_of wanted) ]]
"$tool" -f qcow2 --plan plan five.qcow2 >image.qcow2
same image.qcow2 wanted
"$tool" -f qcow2 --shallow=3 --plan plan five.qcow2 >image.qcow2
same image.qcow2 wanted
"$tool" -f qcow2 --plan plan --offset 400k --length 300000 five.qcow2 >piece
same piece <(part wanted 400*K 300000)
for other in --shallow --shallow=2 --shallow=4; do
  expect_refusal 2 '--shallow: is another one in the plan plan; leave it out' \
    "$tool" -f qcow2 "$other" --plan plan five.qcow2
done

# Those below the three need not be there, unless a cluster of the output lies in two images.
mkdir alone
cp three.qcow2 four.qcow2 five.qcow2 alone
convert alone/five.qcow2 image.qcow2 "${over[@]}" --shallow=3
same image.qcow2 wanted
"$tool" "${over[@]}" --shallow=3 --save-plan plan --measure=size alone/five.qcow2 >size
"$tool" -f qcow2 --plan plan alone/five.qcow2 >image.qcow2
same image.qcow2 wanted
expect_refusal 1 'alone/five.qcow2: .*alone/two.qcow2.*use -c 65536 or less' \
  "$tool" "${over[@]}" --shallow=3 -c 2M alone/five.qcow2
rm alone/three.qcow2
expect_refusal 1 'three.qcow2: .*it is the backing file of alone/four.qcow2' \
  "$tool" "${over[@]}" --shallow=3 alone/five.qcow2

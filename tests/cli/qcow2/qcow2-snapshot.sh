#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -l, --snapshot: an internal snapshot in place of the disk, by its id or its name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 8M base.raw
data base.raw 0 8*M
qemu-img create -q -f qcow2 -b base.raw -F raw disk.qcow2
qemu-io -f qcow2 -c 'write -q -P 1 0 1M' disk.qcow2
qemu-img snapshot -c before disk.qcow2
qemu-io -f qcow2 -c 'write -q -P 2 512k 1M' -c 'write -q -z 4M 1M' disk.qcow2
qemu-img snapshot -c 'after, all' disk.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 0 4M' disk.qcow2
# A name that is another one's id.
qemu-img snapshot -c 1 disk.qcow2
qemu-io -f qcow2 -c 'write -q -P 4 6M 1M' disk.qcow2

for n in 1 2 3; do
  qemu-img convert -f qcow2 -O raw -l snapshot.id=$n disk.qcow2 $n.raw
done
[[ $(sort -u <(sha256sum <1.raw) <(sha256sum <2.raw) <(sha256sum <3.raw) | wc -l) == 3 ]]
# takes NUMBER NAME: this name stands for that snapshot.
takes() {
  convert disk.qcow2 copy.qcow2 -q -f qcow2 "-l$2"
  check_image copy.qcow2 "$1.raw"
  convert disk.qcow2 again.qcow2 -q -f qcow2 --snapshot "$2" -T 1
  same copy.qcow2 again.qcow2
  convert disk.qcow2 again.qcow2 -q -f qcow2 --scan holes --snapshot "$2"
  check_image again.qcow2 "$1.raw"
}
takes 1 before
takes 1 1
takes 1 snapshot.id=1
takes 1 snapshot.name=before
takes 1 snapshot.id=1,snapshot.name=before
takes 2 2
takes 2 'after, all'
takes 3 snapshot.name=1
takes 3 3
for wrong in nothing 4 snapshot.id=before snapshot.name=2 snapshot.id=1,snapshot.name=1; do
  expect_refusal 1 "disk.qcow2: has no snapshot \"$wrong\": it has, with their ids, before \(1\), after, all \(2\), 1 \(3\)" \
    "$tool" -f qcow2 -l "$wrong" disk.qcow2
done
qemu-img create -q -f qcow2 none.qcow2 1M
expect_refusal 1 'none.qcow2: has no snapshot "x": it has none' "$tool" -f qcow2 -l x none.qcow2

# Each is an image of its own, and none is the disk.
id() { "$tool" -f qcow2 --measure=id "$@" disk.qcow2; }
[[ $(printf '%s\n' "$(id)" "$(id -l 1)" "$(id -l 2)" "$(id -l 3)" | sort -u | wc -l) == 4 ]]
[[ $(id -l 1) == "$(id -l before)" ]]
expect_refusal 4 'the layout is|disk.qcow2' "$tool" -q -f qcow2 -l 2 --if-match "$(id -l 1)" disk.qcow2
# A plan remembers which.
"$tool" -f qcow2 -l 2 --save-plan plan disk.qcow2 >wanted
"$tool" -f qcow2 -l 2 --plan plan disk.qcow2 >copy.qcow2
same wanted copy.qcow2
expect_refusal '[34]' 'disk.qcow2' "$tool" -q -f qcow2 -l 1 --plan plan disk.qcow2

# The disk has grown since, or shrunk: a snapshot has the size that it had.
for size in 20M 3M; do
  qemu-img create -q -f qcow2 sized.qcow2 8M
  qemu-io -f qcow2 -c 'write -q -P 5 0 8M' sized.qcow2
  qemu-img convert -f qcow2 -O raw sized.qcow2 then.raw
  qemu-img snapshot -c earlier sized.qcow2
  qemu-img resize -q --shrink sized.qcow2 $size 2>resize.log || {
    # It does not shrink what has snapshots.
    [[ $size == 3M ]] && continue
    fail "$(<resize.log)"
  }
  convert sized.qcow2 copy.qcow2 -q -f qcow2 -l earlier
  check_image copy.qcow2 then.raw
  [[ $("$tool" -f qcow2 --measure=json -l earlier sized.qcow2 | grep virtual-size) == *" $((8 * M)),"* ]]
  qemu-img convert -f qcow2 -O raw sized.qcow2 now.raw
  convert sized.qcow2 copy.qcow2 -q -f qcow2
  check_image copy.qcow2 now.raw
done

# What makes no sense.
expect_refusal 2 '-l, --snapshot: .* is not a name' "$tool" -f qcow2 -l '' disk.qcow2
expect_refusal 2 '-l, --snapshot: needs -f qcow2' "$tool" -l before disk.qcow2
expect_refusal 2 '-l, --snapshot: needs -f qcow2' "$tool" -f raw -l before disk.qcow2
expect_refusal 2 '-l, --snapshot: needs -f qcow2' "$tool" -f vmdk -l before disk.qcow2
expect_refusal 2 '-l, --snapshot: needs -f qcow2' "$tool" -l before nbd://localhost
over=(-B base.raw -F raw)
expect_refusal 2 '-l, --snapshot: not together' "$tool" -f qcow2 "${over[@]}" -l before --shallow disk.qcow2
expect_refusal 2 '-l, --snapshot: not together' "$tool" -f qcow2 "${over[@]}" -l before --dirty-bitmap b disk.qcow2

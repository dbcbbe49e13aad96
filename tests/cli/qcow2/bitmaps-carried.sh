#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --bitmaps: what `qemu-img convert --bitmaps` takes over is in the image, and QEMU reads, checks and uses it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io qemu-nbd nbdinfo python3

# bitmaps IMAGE: names, granularities and flags as QEMU tells them.
bitmaps() {
  qemu-img info --output=json "$1" | python3 -c 'import json, sys
for bitmap in json.load(sys.stdin)["format-specific"]["data"].get("bitmaps", []):
    print(bitmap["name"], bitmap["granularity"], *sorted(bitmap["flags"]))'
}
# marks IMAGE BITMAP: what it marks, as QEMU's server shows it.
marks() {
  nbdinfo --map="qemu:dirty-bitmap:$2" -- [ qemu-nbd -r -f qcow2 -B "$2" "$1" ] | awk '{ print $1, $2, $3 }'
}
# carried IMAGE OPTION...: the bitmaps of disk.qcow2 are in IMAGE, which is made with these options.
carried() {
  local image=$1 name
  shift
  "$tool" -q -f qcow2 --bitmaps "$@" disk.qcow2 >"$image" 2>stderr || fail "$*"
  expect_silence
  check_image "$image" flat.raw
  [[ $(bitmaps "$image") == "$(bitmaps disk.qcow2)" ]] || fail "$*: $(bitmaps "$image")"
  while read -r name _; do
    diff <(marks "$image" "$name") "marks-$name" >marks.diff || fail "$* $name: $(<marks.diff)"
  done < <(bitmaps disk.qcow2)
  [[ $("$tool" -q -f qcow2 --bitmaps --measure=size "$@" disk.qcow2) == "$(size_of "$image")" ]] || fail "size: $*"
}

# A bitmap with data clusters, one that is all zeros, one that is all ones, and one of another granularity.
make_disk() {
  rm -f disk.qcow2
  qemu-img create -q -f qcow2 -o "$1" disk.qcow2 "$2"
  qemu-img bitmap --add -g 64k disk.qcow2 all
  qemu-io -f qcow2 -c "write -q -z 0 $2" disk.qcow2
  qemu-img bitmap --disable disk.qcow2 all
  qemu-img bitmap --add -g "$3" disk.qcow2 'fine'
  qemu-img bitmap --add -g 1M disk.qcow2 coarse
  qemu-io -f qcow2 -c 'write -q -P 1 1M 100k' -c 'write -q -P 2 5M 512' -c 'discard -q 7M 64k' disk.qcow2
  qemu-img bitmap --add disk.qcow2 none
  qemu-img convert -f qcow2 -O raw disk.qcow2 flat.raw
  local name
  for name in all fine coarse none; do marks disk.qcow2 "$name" >"marks-$name"; done
}
while read -r options size granularity; do
  make_disk "$options" "$size" "$granularity"
  carried image.qcow2
  carried small.qcow2 -c 512
done <<'EOT'
cluster_size=64k 20M 64k
cluster_size=64k 300M 512
cluster_size=512 20M 512
cluster_size=2M 20M 4k
EOT
same image.qcow2 <("$tool" -q -f qcow2 --bitmaps -T 1 disk.qcow2)
carried large.qcow2 -c 2M
carried narrow.qcow2 -r 1 -c 4k
carried wide.qcow2 -r 64
carried packed.qcow2 --compress
carried subclusters.qcow2 --extended-l2 -c 64k
carried all.qcow2 --scan none

# As QEMU itself takes them over, and as it goes on with them.
qemu-img convert -f qcow2 -O qcow2 --bitmaps disk.qcow2 qemu.qcow2
[[ $(bitmaps image.qcow2 | cut -d ' ' -f 1,2 | sort) == "$(bitmaps qemu.qcow2 | cut -d ' ' -f 1,2 | sort)" ]]
for name in all fine coarse none; do
  diff "marks-$name" <(marks qemu.qcow2 $name)
done
qemu-img bitmap --add -g 64k image.qcow2 merged
qemu-img bitmap --merge fine image.qcow2 merged
qemu-img bitmap --merge coarse image.qcow2 merged
qemu-img check -q -f qcow2 image.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 15M 64k' image.qcow2
marks image.qcow2 fine | finds "^$((15 * M)) "
qemu-img check -q -f qcow2 image.qcow2

# A region of its own, ranges, plans, and the id of the image.
"$tool" -q -f qcow2 --bitmaps --measure=json disk.qcow2 >measure.json
(($(json measure.json regions bitmaps) > 0))
if grep -q '"dropped"' measure.json; then fail "$(<measure.json)"; fi
"$tool" -q -f qcow2 --bitmaps -c 512 disk.qcow2 >wanted
size=$(size_of wanted)
for ((at = 0; at < size; at += 9973)); do
  "$tool" -q -f qcow2 --bitmaps -c 512 --offset $at --length 9973 disk.qcow2
  ((at < 40 * 9973)) || { "$tool" -q -f qcow2 --bitmaps -c 512 --offset $((at + 9973)) disk.qcow2 && break; }
done >image
same image wanted
"$tool" -q -f qcow2 --bitmaps -c 512 --save-plan plan disk.qcow2 >image
same image wanted
"$tool" -q -f qcow2 --plan plan disk.qcow2 >image
same image wanted
"$tool" -q -f qcow2 --bitmaps --plan plan disk.qcow2 >image
same image wanted
"$tool" -q -f qcow2 --save-plan without disk.qcow2 >image
expect_refusal 2 '--bitmaps: is another one in the plan' "$tool" -f qcow2 --plan without --bitmaps disk.qcow2
id=$("$tool" -q -f qcow2 --bitmaps --measure=id disk.qcow2)
[[ $id != "$("$tool" -q -f qcow2 --measure=id disk.qcow2)" ]]
"$tool" -q -f qcow2 --bitmaps --if-match "$id" disk.qcow2 >image

# An increment has those of the topmost image.
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 top.qcow2
qemu-img bitmap --add top.qcow2 of-top
qemu-io -f qcow2 -c 'write -q -P 3 3M 64k' top.qcow2
"$tool" -f qcow2 --bitmaps --shallow -B disk.qcow2 -F qcow2 top.qcow2 >increment.qcow2
qemu-img convert -f qcow2 -O raw top.qcow2 top.raw
check_image increment.qcow2 top.raw
[[ $(bitmaps increment.qcow2) == "$(bitmaps top.qcow2)" ]]

# None, and none that could be relied on.
qemu-img create -q -f qcow2 bare.qcow2 1M
"$tool" -f qcow2 --bitmaps bare.qcow2 >image
same image <("$tool" -f qcow2 bare.qcow2)
python3 - <<'EOT'
import struct
data = bytearray(open("disk.qcow2", "rb").read())
at = data.index(struct.pack(">I", 0x23852875))
offset = struct.unpack_from(">Q", data, at + 24)[0]
struct.pack_into(">I", data, offset + 12, struct.unpack_from(">I", data, offset + 12)[0] | 1)
open("used.qcow2", "wb").write(data)
data[95] &= 0xfe
open("stale.qcow2", "wb").write(data)
EOT
expect_refusal 1 "used.qcow2: its dirty bitmap 'all' cannot be used: it was not saved .*; qemu-img bitmap --remove" \
  "$tool" -f qcow2 --bitmaps used.qcow2
expect_refusal 1 "stale.qcow2: its dirty bitmaps cannot be used: a program that does not know bitmaps" \
  "$tool" -f qcow2 --bitmaps stale.qcow2
expect_refusal 2 '--bitmaps: dirty bitmaps need version 3' "$tool" -f qcow2 --bitmaps -v 2 disk.qcow2
expect_refusal 2 '--bitmaps: needs -f qcow2' "$tool" --bitmaps flat.raw
expect_refusal 2 '--bitmaps: not together with -l' "$tool" -f qcow2 --bitmaps -l x disk.qcow2
expect_refusal 2 '--bitmaps: not together with --salvage' "$tool" -f qcow2 --bitmaps --salvage disk.qcow2
expect_refusal 1 'what bitmaps hold can be told of a qcow2 image only' "$tool" -f auto --bitmaps flat.raw

# It is restored as any other image.
"$tool" -q -f qcow2 --bitmaps disk.qcow2 | "$from_stdin" -q restored.raw
same restored.raw flat.raw

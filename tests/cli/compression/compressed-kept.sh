#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --compress=keep: clusters that an image holds compressed go out as they are, and nothing of what lies behind them.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
truncate -s 5000192 disk.raw
data disk.raw 0 2*M
head -c 300000 /dev/urandom | dd of=disk.raw oflag=seek_bytes seek=2500003 conv=notrunc status=none
data disk.raw 3*M+100 1*M
data disk.raw 5000000 192

# blobs IMAGE: how many compressed clusters it has.
blobs() { "$helpers/l2_entries.py" "$1" | grep -c '^[0-9a-f]* [4-7][0-9a-f]\{15\}$' || true; }
# keeps SOURCE DISK OPTION...: `image`, that of SOURCE, is sound, of the size that was announced, and comes in parts.
keeps() {
  local source=$1 disk=$2 size at id options
  shift 2
  convert "$source" image -f qcow2 --compress=keep "$@"
  check_image image "$disk"
  size=$(size_of image)
  for options in '-T 1' '-T 7 --scan holes'; do
    # shellcheck disable=SC2086
    convert "$source" again -f qcow2 --compress=keep "$@" $options
    [[ $options != '-T 1' ]] || same image again
    check_image again "$disk"
  done
  [[ $("$tool" -q -f qcow2 --compress=keep "$@" --measure=size "$source") == "$size" ]] || fail "another size"
  "$tool" -q -f qcow2 --compress=keep "$@" --measure=json "$source" >measured
  [[ $(json measured clusters compressed) == "$(blobs image)" ]] || fail "$(<measured)"
  id=$("$tool" -q -f qcow2 --compress=keep "$@" --measure=id "$source")
  "$tool" -q -f qcow2 --compress=keep "$@" --save-plan plan --measure=size "$source" >/dev/null
  : >joined
  : >planned
  for ((at = 0; at < size; at += 99999)); do
    "$tool" -q -f qcow2 --compress=keep "$@" --if-match "$id" --offset "$at" --length 99999 "$source" >>joined
    "$tool" -q -f qcow2 --plan plan --offset "$at" --length 99999 "$source" >>planned
  done
  same joined image
  same planned image
}
for options in 'zlib 64k' 'zlib 4k' 'zlib 512' 'zlib 2M' 'zstd 64k' 'zstd 4k' 'zstd 2M'; do
  type=${options% *} cluster=${options#* }
  qemu-img convert -c -f raw -O qcow2 -o compression_type="$type",cluster_size="$cluster" disk.raw packed.qcow2
  keeps packed.qcow2 disk.raw -c "$cluster"
  [[ $(json measured compression-type) == "$type" ]]
  (($(blobs image) > 0 && $(blobs image) == $(blobs packed.qcow2))) || fail "$(blobs image) of $(blobs packed.qcow2)"
  (($(size_of image) <= $(size_of packed.qcow2) + 65536)) || fail "larger: $(size_of image), $(size_of packed.qcow2)"
done
# Our own compression.
convert disk.raw packed.qcow2 --compress=zstd
keeps packed.qcow2 disk.raw
same image packed.qcow2
convert disk.raw packed.qcow2 --compress --deflate-window 32k -v 2
keeps packed.qcow2 disk.raw -v 2
same image packed.qcow2

# Some clusters are written over, some are plain, some are zeros.
qemu-img convert -c -f raw -O qcow2 disk.raw packed.qcow2
cp packed.qcow2 mixed.qcow2
qemu-io -f qcow2 -c 'write -q -P 9 70000 100' -c 'write -q -z 1M 128k' -c 'write -q -P 8 4M 200k' mixed.qcow2
qemu-img convert -f qcow2 -O raw mixed.qcow2 mixed.raw
keeps mixed.qcow2 mixed.raw
(($(blobs image) > 10)) || fail "$(blobs image) are kept"
# A chain: what lies over a cluster takes it; what lies below is kept where it is alike.
qemu-img create -q -f qcow2 -b mixed.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 7 256k 1000' -c 'write -q -c -P 6 512k 64k' top.qcow2
qemu-img convert -f qcow2 -O raw top.qcow2 top.raw
keeps top.qcow2 top.raw
(($(blobs image) > 10)) || fail "$(blobs image) are kept"
# One with small clusters over one with large ones, of which it hides a part.
qemu-img create -q -f qcow2 -o cluster_size=4k -b packed.qcow2 -F qcow2 small.qcow2
qemu-io -f qcow2 -c 'write -q -P 7 256k 1000' -c 'write -q -c -P 6 512k 4k' small.qcow2
qemu-img convert -f qcow2 -O raw small.qcow2 small.raw
keeps small.qcow2 small.raw -c 4k
[[ $(blobs image) == 1 ]] || fail "$(blobs image) are kept"
qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=64k -b packed.qcow2 -F qcow2 sub.qcow2
qemu-io -f qcow2 -c 'write -q -P 7 256k 2k' sub.qcow2
qemu-img convert -f qcow2 -O raw sub.qcow2 sub.raw
keeps sub.qcow2 sub.raw
"$tool" -q -f qcow2 --compress=keep --extended-l2 sub.qcow2 >image
check_image image sub.raw
# Increments.
"$tool" -q -f qcow2 --compress=keep --shallow -B mixed.qcow2 -F qcow2 top.qcow2 >image
check_image image top.raw
[[ $(blobs image) == 1 ]] || fail "$(blobs image) are kept"
"$tool" -q -f qcow2 --compress=keep --base disk.raw -B disk.raw -F raw top.qcow2 >image
check_image image top.raw
[[ $(blobs image) == 1 ]] || fail "$(blobs image) are kept"
for scan in zeros holes none; do
  "$tool" -q -f qcow2 --compress=keep --scan $scan mixed.qcow2 >image
  check_image image mixed.raw
done

# What lies behind the end of a cluster's data, in its last sector, is somebody else's.
convert disk.raw packed.qcow2 --compress
python3 - <<'END'
import struct
image = bytearray(open("packed.qcow2", "rb").read())
number = lambda at: struct.unpack_from(">Q", image, at)[0]
table = number(number(40)) & 0x00fffffffffffe00
entries = [number(table + 8 * i) for i in range(8192)]
starts = sorted(e & ((1 << 54) - 1) for e in entries if e >> 62 == 1)
# The last one: all behind its end up to the end of the file.
import zlib
last = starts[-1]
decoder = zlib.decompressobj(-15)
decoder.decompress(bytes(image[last:]))
end = len(image) - len(decoder.unused_data)
secret = b"SECRET" * 100
image[end:] = secret[:len(image) - end]
assert len(image) - end >= 6, (len(image), end)
open("packed.qcow2", "wb").write(image)
END
grep -q SECRE packed.qcow2
keeps packed.qcow2 disk.raw
! grep -q SECRE image || fail "it goes out"

# Compressed data in which other data begins; the same entry twice is none.
python3 - <<'END'
import struct
image = bytearray(open("packed.qcow2", "rb").read())
number = lambda at: struct.unpack_from(">Q", image, at)[0]
table = number(number(40)) & 0x00fffffffffffe00
places = [table + 8 * i for i in range(8192) if number(table + 8 * i) >> 62 == 1]
twice = bytearray(image)
struct.pack_into(">Q", twice, places[1], number(places[0]))
open("twice.qcow2", "wb").write(twice)
struct.pack_into(">Q", image, places[1], number(places[0]) + 1)
open("within.qcow2", "wb").write(image)
END
expect_refusal 1 'within.qcow2: the image is damaged: its compressed data at [0-9]+ goes on where other' \
  "$tool" -f qcow2 --compress=keep within.qcow2
qemu-img convert -f qcow2 -O raw twice.qcow2 twice.raw
"$tool" -q -f qcow2 --compress=keep twice.qcow2 >image
check_image image twice.raw

# Where nothing can be kept, a line says so, and the image is one that is not compressed.
expect_status 0 "$tool" -f qcow2 --compress=keep -c 4k packed.qcow2
expect_messages 1
expect_stderr 'packed.qcow2: its clusters have 65536 bytes, those of the image 4096: .* with -c 65536'
cp stdout image
check_image image disk.raw
[[ $(blobs image) == 0 ]]
qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd disk.raw zstd.qcow2
expect_refusal 1 'zstd.qcow2: .*zstd needs version 3' "$tool" -f qcow2 --compress=keep -v 2 zstd.qcow2
for options in '' '-f raw' '-f qcow2 --salvage' '-f qcow2 --deflate-window 4k' '-f qcow2 -r 1' \
  '-f qcow2 -d'; do
  # shellcheck disable=SC2086
  expect_status 2 "$tool" --compress=keep $options packed.qcow2
done
expect_refusal 2 keep "$tool" --compress=keep:3 -f qcow2 packed.qcow2

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --dirty-bitmap of an image that is read without QEMU: the increment is the one that QEMU's server gives.
# What a bitmap says is not believed where it was not saved or not kept up.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io qemu-nbd python3
mkdir nothing
truncate -s 20M base.raw
data base.raw 1*M 4*M
data base.raw 9*M 512

# autoclear IMAGE BIT: writes the lowest byte of the header's autoclear features.
autoclear() { printf "%b" "\\0$2" | dd of="$1" bs=1 seek=95 conv=notrunc status=none; }
# in_use IMAGE: marks the first bitmap of its directory.
in_use() {
  python3 - "$1" <<'EOT'
import struct, sys
with open(sys.argv[1], "r+b") as file:
    header = file.read(4096)
    at = header.index(struct.pack(">I", 0x23852875))
    offset = struct.unpack_from(">Q", header, at + 8 + 16)[0]
    file.seek(offset + 12)
    flags = struct.unpack(">I", file.read(4))[0]
    file.seek(offset + 12)
    file.write(struct.pack(">I", flags | 1))
EOT
}

while read -r options granularity more; do
  rm -f live.qcow2
  qemu-img create -q -f qcow2 -o "$options" -b base.raw -F raw live.qcow2
  qemu-img bitmap --add -g "$granularity" live.qcow2 step
  qemu-img bitmap --add live.qcow2 other
  qemu-io -f qcow2 -c 'write -q -P 3 1M 100k' -c 'write -q -z 2M 1M' -c 'write -q -P 4 9M 512' \
    -c 'write -q -P 5 20971008 512' live.qcow2
  node='{"driver":"qcow2","file":{"driver":"file","filename":"live.qcow2"}}'
  qemu-img convert -f qcow2 -O raw live.qcow2 disk.raw
  over=(-B base.raw -F raw --dirty-bitmap step)
  # shellcheck disable=SC2206  # several words
  over+=($more)
  PATH=$dir/nothing "$tool" -f qcow2 "${over[@]}" live.qcow2 >native 2>stderr || fail "$options $granularity"
  check_image native disk.raw
  same native <("$tool" --blockdev "$node" "${over[@]}")
done <<'EOT'
cluster_size=64k 64k
cluster_size=64k 512 -c 4096
cluster_size=512 4k
cluster_size=2M 1M -c 512
extended_l2=on,cluster_size=64k 64k --scan holes
EOT

# Of a chain, the topmost image's.
qemu-img create -q -f qcow2 -b live.qcow2 -F qcow2 top.qcow2
qemu-img bitmap --add -g 64k top.qcow2 step
qemu-io -f qcow2 -c 'write -q -P 6 5M 64k' top.qcow2
"$tool" -f qcow2 -B live.qcow2 -F qcow2 --dirty-bitmap step top.qcow2 >image.qcow2
qemu-img convert -f qcow2 -O raw top.qcow2 disk.raw
check_image image.qcow2 disk.raw
(($(size_of image.qcow2) == (5 + 1) * 65536))
expect_refusal 1 "top.qcow2: has no dirty bitmap 'other': there is 'step'" \
  "$tool" -f qcow2 -B live.qcow2 -F qcow2 --dirty-bitmap other top.qcow2

# A machine that was not shut down, and a program that knows nothing of bitmaps.
over=(-f qcow2 -B base.raw -F raw --dirty-bitmap step)
cp live.qcow2 used.qcow2
in_use used.qcow2
expect_refusal 1 "used.qcow2: its dirty bitmap 'step' cannot be used: it was not saved" "$tool" "${over[@]}" used.qcow2
expect_status 0 "$tool" -f qcow2 -B base.raw -F raw --dirty-bitmap other used.qcow2
cp live.qcow2 stale.qcow2
autoclear stale.qcow2 0
expect_refusal 1 "stale.qcow2: its dirty bitmap 'step' cannot be used: a program that does not know bitmaps has written" \
  "$tool" "${over[@]}" stale.qcow2
autoclear stale.qcow2 1
"$tool" "${over[@]}" stale.qcow2 >image.qcow2
same image.qcow2 <("$tool" "${over[@]}" live.qcow2)

# A file may end with the last of the bits that the disk needs, and not before.
python3 - live.qcow2 needed.qcow2 short.qcow2 <<'EOT'
import struct, sys
image = bytearray(open(sys.argv[1], "rb").read())
at = image.index(struct.pack(">I", 0x23852875))
directory = struct.unpack_from(">Q", image, at + 8 + 16)[0]
table, entries = struct.unpack_from(">QI", image, directory)
bits = struct.unpack_from(">Q", image, table)[0]
assert entries == 1 and bits
needed = image[bits:bits + 20 * 1024 * 1024 // 65536 // 8]
image += bytes(-len(image) % 65536)
struct.pack_into(">Q", image, table, len(image))
open(sys.argv[2], "wb").write(image + needed)
open(sys.argv[3], "wb").write(image + needed[:-1])
EOT
"$tool" "${over[@]}" needed.qcow2 >image.qcow2
same image.qcow2 <("$tool" "${over[@]}" live.qcow2)
expect_status 1 "$tool" "${over[@]}" short.qcow2
expect_stderr "short.qcow2: its dirty bitmap 'step' cannot be used: its table is damaged"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The manual, -f: a VHD whose geometry is smaller than its size loses its end, unless QEMU is told which one counts.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-nbd python3
truncate -s 16M disk.raw
data disk.raw 0 16*M
qemu-img convert -f raw -O vpc -o subformat=dynamic,force_size=on disk.raw disk.vhd
# As VirtualBox makes it: 481 cylinders, 4 heads, 17 sectors are 32708 sectors of 32768.
python3 - <<'END'
import struct
with open("disk.vhd", "r+b") as image:
    data = image.read()
    for at in (0, len(data) - 512):
        footer = bytearray(data[at:at + 512])
        footer[28:32] = b"vbox"
        footer[56:60] = struct.pack(">HBB", 481, 4, 17)
        footer[64:68] = bytes(4)
        footer[64:68] = struct.pack(">I", ~sum(footer) & 0xFFFFFFFF)
        image.seek(at)
        image.write(footer)
END
"$tool" -f vpc --measure=json disk.vhd >measured
(($(json measured virtual-size) == 32708 * 512)) || echo "this QEMU takes the larger size: $(json measured virtual-size)"
"$tool" [ qemu-nbd -r --image-opts driver=vpc,force_size_calc=current_size,file.filename=disk.vhd ] >image 2>stderr ||
  fail "status $?"
check_image image disk.raw

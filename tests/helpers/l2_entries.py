#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: l2_entries.py IMAGE

Prints what the tables of a qcow2 image say, independent of the program and of QEMU: a line
`header KEY VALUE` for some fields, a line `extension TYPE DATA` (type in hexadecimal, data as Python
writes bytes) for each header extension, and a line `GUEST-OFFSET L2-ENTRY` (hexadecimal) for each
entry that is not 0.
"""
import struct
import sys

image = open(sys.argv[1], "rb").read()


def number(offset, form):
    return struct.unpack_from(">" + form, image, offset)[0]


bits = number(20, "I")
cluster = 1 << bits
version = number(4, "I")
print("header version", version)
print("header cluster-size", cluster)
print("header virtual-size", number(24, "Q"))
if version == 3:
    print("header incompatible", number(72, "Q"))
    print("header compatible", number(80, "Q"))
    print("header autoclear", number(88, "Q"))
    offset = number(100, "I")
    while offset + 8 <= cluster:
        kind, length = number(offset, "I"), number(offset + 4, "I")
        if kind == 0:
            break
        print("extension %08x" % kind, image[offset + 8:offset + 8 + length])
        offset += 8 + (length + 7) // 8 * 8

OFFSET_MASK = 0x00FFFFFFFFFFFE00
for l1_index in range(number(36, "I")):
    l2 = number(number(40, "Q") + 8 * l1_index, "Q") & OFFSET_MASK
    if l2 == 0:
        continue
    for l2_index, entry in enumerate(struct.unpack_from(">%dQ" % (cluster // 8), image, l2)):
        if entry:
            print("%x %x" % ((l1_index * (cluster // 8) + l2_index) << bits, entry))

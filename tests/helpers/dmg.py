#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dmg.py RAW DMG zlib|bzip2: a disk image of macOS whose blocks are compressed.

The blocks come first, then a property list with a table of them, and in the last 512 bytes what says where
the list is; QEMU's block/dmg.c reads it.
"""

import base64
import bz2
import struct
import sys
import zlib

SECTOR = 512
CHUNK = 128 * SECTOR
KINDS = {"zlib": (0x80000005, zlib.compress), "bzip2": (0x80000006, bz2.compress)}
END_OF_TABLE = 0xFFFFFFFF

source, target, kind = sys.argv[1:]
with open(source, "rb") as file:
    disk = file.read()
assert len(disk) % SECTOR == 0
number, compress = KINDS[kind]

blocks = b""
table = b""
for at in range(0, len(disk), CHUNK):
    piece = disk[at : at + CHUNK]
    data = compress(piece)
    table += struct.pack(
        ">IIQQQQ", number, 0, at // SECTOR, len(piece) // SECTOR, len(blocks), len(data)
    )
    blocks += data
table += struct.pack(">IIQQQQ", END_OF_TABLE, 0, len(disk) // SECTOR, 0, len(blocks), 0)
mish = struct.pack(">4sIQQ", b"mish", 1, 0, len(disk) // SECTOR).ljust(200, b"\0")
mish += struct.pack(">I", len(table) // 40) + table

plist = (
    b"<plist><dict><key>resource-fork</key><dict><key>blkx</key><array><dict><key>Data</key><data>\n"
    + base64.b64encode(mish)
    + b"\n</data></dict></array></dict></dict></plist>\n"
)

trailer = bytearray(512)
struct.pack_into(">4sII", trailer, 0, b"koly", 4, len(trailer))
struct.pack_into(">QQ", trailer, 24, 0, len(blocks))
struct.pack_into(">QQ", trailer, 0xD8, len(blocks), len(plist))
struct.pack_into(">Q", trailer, 0x1EC, len(disk) // SECTOR)
with open(target, "wb") as file:
    file.write(blocks + plist + trailer)

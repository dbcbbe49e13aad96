#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: foreign_image.py dmg-plist|dmg-resources|bochs-1|bochs-2|cloop DISK > IMAGE

Writes a disk in a format that QEMU reads but does not write. The size of DISK must be a multiple of
512 (for cloop: of 16 KiB).

dmg     Apple's disk image: chunks that are stored, deflated, zeros or "ignored" (zeros, too), listed
        in "mish" tables, which lie in a property list or in a resource fork; a trailer "koly" at the
        end of the file. Big-endian.
bochs   the "growing" image of Bochs: a catalog of extents, each with a bitmap of its sectors.
        Little-endian.
cloop   a compressed loop device: a shell script, then zlib blocks of one size. Big-endian.
"""
import base64
import struct
import sys
import zlib

SECTOR = 512


def pieces(disk, size):
    return [disk[at:at + size] for at in range(0, len(disk), size)]


# --- dmg ------------------------------------------------------------------------------------------

DMG_ZEROS, DMG_STORED, DMG_IGNORED = 0, 1, 2
DMG_COMMENT, DMG_DEFLATED, DMG_END = 0x7FFFFFFE, 0x80000005, 0xFFFFFFFF
DMG_CHUNK = 100 * SECTOR


def mish(first_sector, chunks):
    """One table: 204 bytes, then 40 for each chunk (type, sector, sectors, offset, length)."""
    sectors = sum(chunk[2] for chunk in chunks)
    table = struct.pack(">4sIQQQ", b"mish", 1, first_sector, sectors, 0).ljust(204, b"\0")
    return table + b"".join(struct.pack(">IIQQQQ", kind, 0, *rest) for kind, *rest in chunks)


def dmg(disk, in_resources):
    data = bytearray(b"not part of any chunk")
    tables = []
    chunks = pieces(disk, DMG_CHUNK)
    half = (len(chunks) + 1) // 2
    for group, first in ((chunks[:half], 0), (chunks[half:], half * DMG_CHUNK // SECTOR)):
        entries = [(DMG_COMMENT, 0, 0, 0, 0)]
        sector = 0  # counts within the table
        for n, chunk in enumerate(group):
            sectors = len(chunk) // SECTOR
            if not any(chunk):
                kind, stored = (DMG_IGNORED if n % 2 else DMG_ZEROS), b""
            elif n % 2:
                kind, stored = DMG_STORED, chunk
            else:
                kind, stored = DMG_DEFLATED, zlib.compress(chunk)
            entries.append((kind, sector, sectors, len(data), len(stored)))
            data += stored
            sector += sectors
        entries.append((DMG_END, sector, 0, len(data), 0))
        tables.append(mish(first, entries))
    at = len(data)
    if in_resources:
        body = b"".join(struct.pack(">I", len(table)) + table for table in tables)
        index = struct.pack(">IIII", 256, 256 + len(body), len(body), 0).ljust(256, b"\0") + body
        places = ((0, at), (0x28, at), (0x30, len(index)))
    else:
        text = "".join("<dict><data>\n%s</data></dict>" % base64.encodebytes(t).decode()
                       for t in tables)
        index = ("<plist><array>%s</array></plist>" % text).encode()
        places = ((0xD8, at), (0xE0, len(index)))
    trailer = bytearray(b"koly" + struct.pack(">II", 4, 512)).ljust(512, b"\0")
    for offset, value in places:
        if offset:
            struct.pack_into(">Q", trailer, offset, value)
    struct.pack_into(">Q", trailer, 0x20, len(data))
    struct.pack_into(">Q", trailer, 0x1EC, len(disk) // SECTOR)
    return bytes(data) + index + bytes(trailer)


# --- bochs ----------------------------------------------------------------------------------------

BOCHS_EXTENT = 64 << 10
BOCHS_ABSENT = 0xFFFFFFFF


def bochs(disk, version):
    bitmap_size = BOCHS_EXTENT // SECTOR // 8
    extents = pieces(disk, BOCHS_EXTENT)
    catalog, stored = [BOCHS_ABSENT] * len(extents), b""
    count = 0
    for n in reversed(range(len(extents))):  # in another order than on the disk
        sectors = pieces(extents[n], SECTOR)
        present = [any(sector) for sector in sectors]
        if not any(present):
            continue
        catalog[n] = count
        count += 1
        bits = sum(here << i for i, here in enumerate(present))
        stored += bits.to_bytes(bitmap_size, "little").ljust(SECTOR, b"\0")
        # What the bitmap denies must not be read.
        stored += b"".join(sector if here else b"\xee" * SECTOR
                           for sector, here in zip(sectors, present)).ljust(BOCHS_EXTENT, b"\xee")
    header = struct.pack("<32s16s16sII", b"Bochs Virtual HD Image", b"Redolog", b"Growing",
                         version << 16, 512)
    header += struct.pack("<III", len(catalog), bitmap_size, BOCHS_EXTENT)
    header += struct.pack("<Q" if version == 1 else "<4xQ", len(disk))
    return header.ljust(512, b"\0") + struct.pack("<%dI" % len(catalog), *catalog) + stored


# --- cloop ----------------------------------------------------------------------------------------

CLOOP_BLOCK = 16 << 10


def cloop(disk):
    script = (b"#!/bin/sh\n#V2.0 Format\n"
              b"modprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n")
    blocks = [zlib.compress(block) for block in pieces(disk, CLOOP_BLOCK)]
    offsets = [128 + 8 + 8 * (len(blocks) + 1)]
    for block in blocks:
        offsets.append(offsets[-1] + len(block))
    return (script.ljust(128, b"\0") + struct.pack(">II", CLOOP_BLOCK, len(blocks)) +
            struct.pack(">%dQ" % len(offsets), *offsets) + b"".join(blocks))


WRITERS = {
    "dmg-plist": lambda disk: dmg(disk, False),
    "dmg-resources": lambda disk: dmg(disk, True),
    "bochs-1": lambda disk: bochs(disk, 1),
    "bochs-2": lambda disk: bochs(disk, 2),
    "cloop": cloop,
}
sys.stdout.buffer.write(WRITERS[sys.argv[1]](open(sys.argv[2], "rb").read()))

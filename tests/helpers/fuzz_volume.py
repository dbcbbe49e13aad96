#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: fuzz_volume.py IMAGE FLAGS >INPUT

Makes an input for the fuzzer of volumes (fuzz/volumes.cc, fuzz/sparse_volume.h) of an image: without what is zero in it.
"""

import os
import sys

UNIT = 16


def main():
    out = [bytes([int(sys.argv[2])])]
    with open(sys.argv[1], "rb") as file:
        size = os.fstat(file.fileno()).st_size
        out.append(size.to_bytes(5, "big"))
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // 4096 * 4096
            except OSError:
                break
            file.seek(at)
            block = file.read(4096)
            piece = b""
            for i in range(0, len(block) + UNIT, UNIT):
                unit = block[i : i + UNIT]
                if unit.strip(b"\0"):
                    piece += unit.ljust(UNIT, b"\0")
                elif piece:
                    begin = (at + i - len(piece)) // UNIT
                    for part in range(0, len(piece), 255 * UNIT):
                        some = piece[part : part + 255 * UNIT]
                        out += [(begin + part // UNIT).to_bytes(5, "big"), bytes([len(some) // UNIT]), some]
                    piece = b""
            at += 4096
    sys.stdout.buffer.write(b"".join(out))


if __name__ == "__main__":
    main()

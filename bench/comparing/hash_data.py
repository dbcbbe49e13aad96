# SPDX-License-Identifier: GPL-2.0-or-later
"""hash_data.py DISK: SHA-256 over the data of a sparse file, a piece at a time, on all cores."""

import concurrent.futures
import hashlib
import os
import sys

PIECE = 8 << 20


def pieces(fd):
    """The pieces of all data, without the holes."""
    end, at = os.fstat(fd).st_size, 0
    while at < end:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # a hole up to the end
            return
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        yield from ((offset, min(PIECE, at - offset)) for offset in range(begin, at, PIECE))


def digest(fd, offset, length, step=256 << 10):
    value = hashlib.sha256()
    buffer = bytearray(step)
    view = memoryview(buffer)
    while length > 0:
        got = os.preadv(fd, [view[:min(step, length)]], offset)
        value.update(view[:got])
        offset, length = offset + got, length - got
    return value.digest()


if __name__ == "__main__":
    disk = os.open(sys.argv[1], os.O_RDONLY)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for future in [pool.submit(digest, disk, *piece) for piece in pieces(disk)]:
            future.result()

# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots and manifests by docs/manifest.md alone.

manifest.py root DISK                the root of a raw disk
manifest.py check MANIFEST [DISK]    the root of a manifest, if all in it is right (of this disk, too)
manifest.py left-out MANIFEST        what was left out: a line with begin and length for each range
manifest.py inherited MANIFEST       the numbers of the chunks that are inherited
"""

import hashlib
import sys

LEAF, PAGE, BODY = 1 << 16, 4096, 4096 - 32


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


ZEROS = [sha(b"\2")]  # by level
for _ in range(48):
    ZEROS.append(sha(b"\1", ZEROS[-1], ZEROS[-1]))


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def node(nodes: dict[int, bytes], level: int, to: int) -> dict[int, bytes]:
    """From the nodes of a level that are not zeros, those of a level above it."""
    for below in range(level, to):
        zeros = ZEROS[below]
        nodes = {n: sha(b"\1", nodes.get(2 * n, zeros), nodes.get(2 * n + 1, zeros)) for n in {n // 2 for n in nodes}}
    return nodes


def root(length: int, nodes: dict[int, bytes], level: int) -> bytes:
    return sha(b"\3", length.to_bytes(8, "big"), node(nodes, level, 48).get(0, ZEROS[48]))


def leaves(path: str) -> tuple[int, dict[int, bytes]]:
    found, length = {}, 0
    with open(path, "rb") as disk:
        while data := disk.read(LEAF):
            if any(data):
                found[length // LEAF] = sha(b"\0", data.ljust(LEAF, b"\0"))
            length += len(data)
    return -(-length // 512) * 512, found


def left_out(header: dict, number_of_page: int, page: bytes):
    """Adds the ranges of a page, as pairs of begin and end, to those of the pages before."""
    used = number(page[16:24])
    assert number(page[:8]) == number_of_page and page[8:16] == page[32:40] and 32 < used <= BODY, "left out"
    for at in range(32, used, 16):
        begin, length = number(page[at : at + 8]), number(page[at + 8 : at + 16])
        assert begin % 512 == length % 512 == 0 < length and begin + length <= header["length"], "left out"
        assert not header["left-out"] or begin > header["left-out"][-1][1], "left out"
        header["left-out"].append((begin, begin + length))


def read(path: str) -> tuple[dict, dict[int, bytes]]:
    """The header and the chunks that are not zeros."""
    with open(path, "rb") as file:
        pages = list(iter(lambda: file.read(PAGE), b""))
    for page in pages:
        assert len(page) == PAGE and sha(page[:BODY]) == page[BODY:], "checksum"
    top, chunks, chunk = pages[0], {}, 0
    assert top[:32] == b"qcow2-to-stdout manifest 1\n".ljust(32, b"\0") and number(top[32:36]) == 1, "version"
    inherited: list[int] = []
    header = {"inherited": inherited, "bits": number(top[36:40]), "length": number(top[40:48]), "root": top[64:96]}
    header["parent"] = top[96:128] if number(top[48:52]) & 1 else None
    header["left-out"] = []
    for n, page in enumerate(pages[1:], 1):
        if number(page[24:32]) == 1:
            left_out(header, n, page)
            continue
        assert number(page[:8]) == n and number(page[8:16]) == chunk, "order"
        at, used = 32, number(page[16:24])
        while at < used:
            kind, count, at = page[at], number(page[at + 1 : at + 8]), at + 8
            assert kind < 3 and count > 0, "kind"
            inherited += range(chunk, chunk + count) if kind == 2 else ()
            for i in range(count if kind else 0):
                chunks[chunk + i] = page[at : at + 32]
                at += 32
            chunk += count
        assert at == used <= BODY, "run"
    assert chunk == -(-header["length"] // (1 << header["bits"])), "end"
    assert bool(number(top[48:52]) & 2) == bool(header["left-out"]), "left out"
    assert root(header["length"], chunks, header["bits"] - 16) == header["root"], "root"
    return header, chunks


if __name__ == "__main__":
    if sys.argv[1] == "root":
        print(root(*leaves(sys.argv[2]), 0).hex())
    elif sys.argv[1] == "left-out":
        for start, end in read(sys.argv[2])[0]["left-out"]:
            print(start, end - start)
    elif sys.argv[1] == "inherited":
        print(*read(sys.argv[2])[0]["inherited"])
    else:
        head, digests = read(sys.argv[2])
        if len(sys.argv) > 3:
            size, below = leaves(sys.argv[3])
            assert size == head["length"] and node(below, 0, head["bits"] - 16) == digests, "of another disk"
        print(head["root"].hex())

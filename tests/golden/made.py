# SPDX-License-Identifier: GPL-2.0-or-later
"""What the golden tests of this program's own images share: disks of runs, and lists of what must not change.

A disk has runs [offset, length, kind, seed]; everything else is zero. Kinds: "noise", the beginning of
SHAKE-128 over the decimal digits of the seed; "text", the squares of all numbers from the seed on, each
in a line; "byte", the seed again and again; "swap", the header of swap space of as many pages of 4096
bytes as the seed says.
"""
import hashlib
import itertools
import json
import struct


def run_bytes(length, kind, seed):
    if kind == "noise":
        return hashlib.shake_128(b"%d" % seed).digest(length)
    if kind == "byte":
        return bytes([seed]) * length
    if kind == "swap":
        return (bytes(1024) + struct.pack("<3I", 1, seed - 1, 0)).ljust(4086, b"\0") + b"SWAPSPACE2"
    text = bytearray()
    for n in itertools.count(seed):
        if len(text) >= length:
            return text[:length]
        text += b"%d\n" % (n * n)


def write_disk(disk, path):
    with open(path, "wb") as file:
        for offset, length, kind, seed in disk["runs"]:
            file.seek(offset)
            file.write(run_bytes(length, kind, seed))
        file.truncate(disk["size"])


def found(data):
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def read_list(path):
    return json.loads(path.read_text(encoding="ascii"))


def write_list(path, lists):
    """One line a case."""
    parts = ['"%s": [\n%s\n]' % (key, ",\n".join(json.dumps(entry) for entry in lists[key]))
             for key in lists]
    path.write_text("{%s}\n" % ",\n".join(parts), encoding="ascii")

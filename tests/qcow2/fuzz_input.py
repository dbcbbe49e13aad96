#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes inputs of fuzz/qcow2_image.cc.

    fuzz_input.py IMAGE INPUT [--snapshot]
    fuzz_input.py --corpus DIRECTORY    what is in fuzz/corpus/qcow2-image: one of each oddity
"""

import argparse
import os
import sys
import tempfile

import odd

UNIT = 16
LARGEST = 6000

# How else an image is read: before its name, in the first byte of the input, of which oddities.
VARIANTS = [("", 0, ""), ("salvage-", 2, ""), ("marks-", 4, "bitmap"), ("carried-", 8, "bitmap"),
            ("held-", 16, "backing")]


def encoded(image, snapshot=False):
    sectors = max(1, -(-len(image) // 512))
    missing = sectors * 512 - len(image)
    out = bytearray([1 if snapshot else 0]) + (sectors - 1).to_bytes(2, "big")
    out += bytes([min(255, missing)])
    at = 0
    while at < len(image):
        end = at
        while end < len(image) and end - at < 255 * UNIT and image[end:end + UNIT].strip(b"\0"):
            end += UNIT
        if end > at:
            piece = image[at:end].ljust(end - at, b"\0")
            out += (at // UNIT).to_bytes(3, "big") + bytes([len(piece) // UNIT]) + piece
        at = max(end, at + UNIT)
    return bytes(out)


def write_corpus(directory):
    """Of each oddity the smallest of a few images."""
    best = {}
    for seed in range(2 * len(odd.ODDITIES)):
        with tempfile.TemporaryDirectory() as place:
            name, what = odd.make(seed, place, small=True)
            path = os.path.join(place, name)
            if os.path.getsize(path) > 4 << 20:
                continue
            with open(path, "rb") as file:
                data = encoded(file.read(), what[0].startswith("snapshot"))
        if len(data) <= LARGEST and len(data) < len(best.get(what[0], bytes(LARGEST + 1))):
            best[what[0]] = data
    os.makedirs(directory, exist_ok=True)
    for what, data in best.items():
        for prefix, choice, of in VARIANTS:
            if what.startswith(of):
                with open(os.path.join(directory, prefix + what.replace("_", "-")), "wb") as file:
                    file.write(bytes([data[0] | choice]) + data[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus")
    parser.add_argument("--snapshot", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.corpus:
        write_corpus(arguments.corpus)
        return 0
    image, output = arguments.names
    with open(image, "rb") as file:
        data = encoded(file.read(), arguments.snapshot)
    with open(output, "wb") as file:
        file.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: flipped_bits.py [--every N] [--jobs N] [--by-program]

Flips one bit after the other of what an image of 1 MiB says of its content, and of its manifest, and restores the image.
Each must be found, or be without effect: the disk comes out as it was. Of the header with its extensions, the tables,
the trailer and the manifest these are all bits, or one in N; of the data one in 1009 of those. Prints a line for each
part: how many bits, how many were found, how many were without effect. The status is 1 if a bit was neither.

All of it happens in one process, tests/tools/flipped_bits.cc, which $FLIPPED_BITS names (build/bin/flipped-bits).
With --by-program each bit is a run of qcow2-from-stdin, whose status is 1, 3 or 4 for what was found. The programs
are $QCOW2_TO_STDOUT and $QCOW2_FROM_STDIN. To look at every bit:

    QCOW2_TO_STDOUT=build/bin/qcow2-to-stdout FLIPPED_BITS=build/bin/flipped-bits tests/by-hand/flipped_bits.py
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

TO_STDOUT = os.path.realpath(os.environ["QCOW2_TO_STDOUT"])
FROM_STDIN = os.environ.get("QCOW2_FROM_STDIN") or os.path.join(os.path.dirname(TO_STDOUT), "qcow2-from-stdin")
CLUSTER = 4096


def number(image, offset):
    return int.from_bytes(image[offset : offset + 8], "big")


class Case:
    """One part of a file."""

    def __init__(self, name, file, begin, end, step):
        self.name, self.file, self.begin, self.end, self.step = name, file, begin, end, step

    def word(self):
        return f"{self.name}:{self.file}:{self.begin}:{self.end}:{self.step}"

    def bits(self):
        return range(8 * self.begin, 8 * self.end, self.step)


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def restored(options, image, extra=()):
    """The status, and the disk."""
    done = subprocess.run(
        [FROM_STDIN, "-q", "-T", "1", *options, "-"], input=image, check=False, capture_output=True, pass_fds=extra
    )
    return done.returncode, done.stdout


def outcome(case, bit, image, manifest, disk):
    if case.file == "image":
        status, out = restored([], flipped(image, bit))
    else:
        memory = os.memfd_create("manifest")
        os.write(memory, flipped(manifest, bit))
        status, out = restored(["--manifest", f"/proc/self/fd/{memory}"], image, (memory,))
        os.close(memory)
    if status in (1, 3, 4):
        return "found"
    return "without effect" if status == 0 and out == disk else f"WRONG: status {status}"


def by_program(cases, image, manifest, disk, jobs):
    is_wrong = False
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for case in cases:
            bits = case.bits()
            results = list(pool.map(lambda bit, case=case: outcome(case, bit, image, manifest, disk), bits))
            wrong = sorted({result for result in results if result.startswith("WRONG")})
            is_wrong = is_wrong or bool(wrong)
            print(
                f"{case.name}: {len(results)} bits, {results.count('found')} found, "
                f"{results.count('without effect')} without effect",
                *(f"{w} ({results.count(w)}, first bit {bits[results.index(w)]})" for w in wrong),
                flush=True,
            )
    return is_wrong


def cases_of(image, manifest, step):
    """The parts, in the order of the file. The header's cluster ends where the first table begins."""
    data = min(number(image, entry) & 0x00FFFFFFFFFFFE00 for entry in l2_entries(image))
    trailer = len(image) - 512
    return [
        Case("header and extensions", "image", 0, CLUSTER, step),
        Case("tables", "image", CLUSTER, data, step),
        Case("data", "image", data, trailer, step * 1009),
        Case("trailer", "image", trailer, len(image), step),
        Case("manifest", "manifest", 0, len(manifest), step),
    ]


def l2_entries(image):
    """Where entries stand that have data."""
    l1_table = number(image, 40)
    for index in range(int.from_bytes(image[36:40], "big")):
        table = number(image, l1_table + 8 * index) & 0x00FFFFFFFFFFFE00
        for entry in range(table, table + CLUSTER if table else 0, 8):
            if number(image, entry):
                yield entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--by-program", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        there = pathlib.Path(folder)
        disk = bytes((i * i + i // 251) % 255 + 1 for i in range(512 * 1024)) + bytes(512 * 1024)
        (there / "disk").write_bytes(disk)
        with open(there / "image", "wb") as image_file:
            subprocess.run(
                [
                    *(TO_STDOUT, "-c", str(CLUSTER), "--save-manifest", there / "manifest"),
                    *("--manifest-chunk", "64k", there / "disk"),
                ],
                check=True,
                stdout=image_file,
            )
        image = (there / "image").read_bytes()
        manifest = (there / "manifest").read_bytes()
        cases = cases_of(image, manifest, arguments.every)
        if arguments.by_program:
            sys.exit(by_program(cases, image, manifest, disk, arguments.jobs))
        tool = os.environ.get("FLIPPED_BITS") or sys.exit("FLIPPED_BITS is not set; see --help")
        words = [case.word() for case in cases]
        files = [there / name for name in ("image", "manifest", "disk")]
        sys.exit(subprocess.run([tool, *files, str(arguments.jobs), *words], check=False).returncode)


if __name__ == "__main__":
    main()

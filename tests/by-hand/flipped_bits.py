#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: flipped_bits.py [--every N] [--jobs N]

Flips one bit after the other of what an image of 1 MiB says of its content, and of its manifest, and restores the image.
Each must be found (status 3 or 4), or be without effect: the disk comes out as it was. Of the header extension, the
trailer and the manifest all bits, or one in N; of the header, the tables and the data those that --every leaves of
every hundredth. Prints a line for each part: how many bits, how many were found, how many were without effect. The
status is 1 if a bit was neither. The environment names the programs (QCOW2_TO_STDOUT, QCOW2_FROM_STDIN).
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

MIB = 1 << 20
TO_STDOUT = os.path.realpath(os.environ["QCOW2_TO_STDOUT"])
FROM_STDIN = os.environ.get("QCOW2_FROM_STDIN") or os.path.join(os.path.dirname(TO_STDOUT), "qcow2-from-stdin")
MAGIC = bytes.fromhex("71637372")


class Case:
    """One part of a file, with what is restored by it."""

    def __init__(self, name, data, begin, end, step):
        self.name, self.data = name, data
        self.bits = range(8 * begin, 8 * end, step)


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


def outcome(case, bit, image, disk):
    changed = flipped(case.data, bit)
    if case.name != "manifest":
        status, out = restored([], changed)
    else:
        memory = os.memfd_create("manifest")
        os.write(memory, changed)
        status, out = restored(["--manifest", f"/proc/self/fd/{memory}"], image, (memory,))
        os.close(memory)
    if status in (1, 3, 4):
        return "found"
    return "without effect" if status == 0 and out == disk else f"WRONG: status {status}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        there = pathlib.Path(folder)
        disk = bytes((i * i + i // 251) % 255 + 1 for i in range(512 * 1024)) + bytes(512 * 1024)
        (there / "disk").write_bytes(disk)
        subprocess.run(
            [TO_STDOUT, "--save-manifest", there / "manifest", "--manifest-chunk", "64k", there / "disk"],
            check=True,
            stdout=open(there / "image", "wb"),
        )
        image = (there / "image").read_bytes()
        manifest = (there / "manifest").read_bytes()
    extension = image.index(MAGIC)
    step = arguments.every
    trailer = len(image) - 512
    cases = [
        Case("header extension", image, extension, extension + 56, step),
        Case("trailer", image, trailer, len(image), step),
        Case("manifest", manifest, 0, len(manifest), step),
        Case("header", image, 0, 112, step),
        Case("tables", image, 65536, 5 * 65536, step * 101),
        Case("data", image, 5 * 65536, trailer, step * 1009),
    ]
    is_wrong = False
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for case in cases:
            results = list(pool.map(lambda bit, case=case: outcome(case, bit, image, disk), case.bits))
            wrong = sorted({result for result in results if result.startswith("WRONG")})
            is_wrong = is_wrong or bool(wrong)
            print(
                f"{case.name}: {len(results)} bits, {results.count('found')} found, "
                f"{results.count('without effect')} without effect",
                *(f"{w} ({results.count(w)}, first bit {case.bits[results.index(w)]})" for w in wrong),
                flush=True,
            )
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()

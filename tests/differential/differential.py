#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: differential.py [--seed N] [--cases N] [--keep DIRECTORY]

Compares the program with the original qcow2-to-stdout.py, byte for byte, on random disks with random
options. The environment names the program (QCOW2_TO_STDOUT) and the original (QCOW2_REFERENCE; without
it the test is skipped) and may set DIFFERENTIAL_SEED and DIFFERENTIAL_CASES. A case depends on the seed
and its own number only. Disks of cases that differ are copied to the directory of --keep.

The original counts a cluster twice if its data comes in two extents, and fails on an empty disk. So it
reads every disk without holes, and none is empty; the program reads the same disk with its holes, too.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

PROCESSES = 2
# The original clears a bitmap of (cluster size / 8)^2 bits: 128 MiB of memory at 256 KiB, 8 GiB at
# 2 MiB. The golden cases have the larger clusters.
CLUSTER_BITS = range(9, 19)


def make_case(seed, number):
    """A disk as a byte string, and options."""
    rng = random.Random("%d/%d" % (seed, number))
    bits = rng.choice(CLUSTER_BITS)
    cluster = 1 << bits
    # Enough for some L2 tables of small clusters (one covers cluster * cluster / 8 bytes).
    size = rng.choice([rng.randint(1, 3 * cluster), rng.randint(1, 200 * 1024),
                       rng.randint(1, 4 << 20), rng.randint(1, 40) * cluster])
    size = min(size, 8 << 20)
    if rng.random() < 0.5:
        size = (size + 511) // 512 * 512
    disk = bytearray(size)
    for _ in range(rng.choice([0, 1, 1, 3, 10, 40])):
        # Runs begin and end at cluster borders, next to them or anywhere.
        begin = rng.randrange(size)
        if rng.random() < 0.4:
            begin = begin // cluster * cluster + rng.choice([-1, 0, 0, 0, 1])
        length = rng.choice([1, 2, 511, 512, rng.randint(1, 3 * cluster), cluster,
                             rng.randint(1, size)])
        begin, end = max(begin, 0), min(begin + length, size)
        if begin < end:
            zeros = rng.random() < 0.25
            disk[begin:end] = bytes(end - begin) if zeros else rng.randbytes(end - begin)
    version = rng.choice([2, 3, 3, 3])
    refcount_bits = 16 if version == 2 else 1 << rng.randrange(7)
    options = ["-c", str(cluster), "-r", str(refcount_bits), "-v", str(version)]
    return bytes(disk), options


def write_sparse(disk, path):
    block = 4096
    with open(path, "wb") as file:
        for offset in range(0, len(disk), block):
            piece = disk[offset:offset + block]
            if piece.count(0) != len(piece):
                file.seek(offset)
                file.write(piece)
        file.truncate(len(disk))


def run(command):
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace").strip()


def compare(arguments, directory, number):
    """What differs in one case, or nothing."""
    disk, options = make_case(arguments.seed, number)
    dense, sparse = (pathlib.Path(directory, "%d.%s" % (number, kind)) for kind in ("dense", "sparse"))
    dense.write_bytes(disk)
    write_sparse(disk, sparse)
    wanted = run([sys.executable, arguments.reference, *options, str(dense)])
    problem = None
    if wanted[0] != 0:
        problem = "the original failed: %s" % wanted[2]
    for path, extra in (dense, []), (sparse, []), (sparse, ["--no-extents"]):
        found = run([arguments.program, *options, *extra, str(path)])
        if problem is None and (found[0] != 0 or found[1] != wanted[1]):
            at = next((i for i, (a, b) in enumerate(zip(found[1], wanted[1])) if a != b), None)
            problem = "%s %s: status %d, %d bytes instead of %d, first difference at %s %s" % (
                path.name, " ".join(options + extra), found[0], len(found[1]), len(wanted[1]), at,
                found[2])
    if problem and arguments.keep:
        os.makedirs(arguments.keep, exist_ok=True)
        for path in dense, sparse:
            shutil.copy(path, arguments.keep)
    dense.unlink()
    sparse.unlink()
    return problem and "case %d: %s" % (number, problem)


def main():
    reference, program = os.environ.get("QCOW2_REFERENCE"), os.environ.get("QCOW2_TO_STDOUT")
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seed", type=int, default=int(os.environ.get(
        "DIFFERENTIAL_SEED", random.SystemRandom().randrange(1 << 32))))
    parser.add_argument("--cases", type=int, default=int(os.environ.get("DIFFERENTIAL_CASES", 300)))
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    if not reference:
        print("SKIP: QCOW2_REFERENCE does not name the original qcow2-to-stdout.py")
        sys.exit(77)
    if not program:
        sys.exit("differential: QCOW2_TO_STDOUT must name the program under test")
    arguments.reference, arguments.program = os.path.realpath(reference), os.path.realpath(program)

    print("differential: seed %d, %d cases" % (arguments.seed, arguments.cases), flush=True)
    good = 0
    with tempfile.TemporaryDirectory(prefix="qcow2-to-stdout.") as directory, \
         concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        for problem in pool.map(lambda number: compare(arguments, directory, number),
                                range(arguments.cases)):
            good += problem is None
            if problem:
                print(problem, flush=True)
    print("differential: %d of %d (seed %d)" % (good, arguments.cases, arguments.seed))
    sys.exit(0 if good == arguments.cases and good > 0 else 1)


main()

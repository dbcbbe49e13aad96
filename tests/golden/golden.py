#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: golden.py [--cases FILE] [DISK-NAME...]

Compares the size and the SHA-256 of the program's output with those that cases.json lists, once with
each disk stored byte for byte and once with its zeros left as holes. The program is named by the
environment variable QCOW2_TO_STDOUT. Without names all disks are used.

cases.json describes a disk by its size and runs [offset, length, seed]: the bytes of a run are the
beginning of SHAKE-128 over the decimal digits of the seed, zeros if the seed is 0, in the order of the
list; everything else is zero. The images listed are those of the original qcow2-to-stdout.py.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PROCESSES = 2
BLOCK = 1 << 20


def fill_runs(disk, file):
    for offset, length, seed in disk["runs"]:
        data = hashlib.shake_128(b"%d" % seed).digest(length) if seed else bytes(length)
        file.seek(offset)
        file.write(data)
    file.truncate(disk["size"])


def write_disk(disk, path, sparse):
    """Writes the disk and makes sure that it is the one that the list means."""
    with open(path, "wb") as file:
        if not sparse:
            for offset in range(0, disk["size"], BLOCK):
                file.write(bytes(min(BLOCK, disk["size"] - offset)))
        fill_runs(disk, file)
    if hashlib.sha256(path.read_bytes()).hexdigest() != disk["sha256"]:
        sys.exit("golden: disk %s was not written as it should be" % disk["name"])


def run(program, case, path):
    """What is wrong with the output for one case, or nothing."""
    command = [program, "-f", "raw", "-c", str(case["cluster_size"]), "-r", str(case["refcount_bits"]),
               "-v", str(case["version"]), str(path)]
    digest, size = hashlib.sha256(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while block := child.stdout.read(BLOCK):
            digest.update(block)
            size += len(block)
        message = child.stderr.read().decode(errors="replace").strip()
    found = (child.returncode, message, size, digest.hexdigest())
    wanted = (0, "", case["size"], case["sha256"])
    if found == wanted:
        return None
    return "%s: %s\n  instead of %s" % (" ".join(command), found, wanted)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--cases", default=pathlib.Path(__file__).with_name("cases.json"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    program = os.environ.get("QCOW2_TO_STDOUT")
    if not program:
        sys.exit("golden: QCOW2_TO_STDOUT must name the program under test")
    program = str(pathlib.Path(program).resolve())
    with open(arguments.cases, encoding="ascii") as file:
        lists = json.load(file)

    good = total = 0
    with tempfile.TemporaryDirectory(prefix="qcow2-to-stdout.") as directory, \
         concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        for disk in lists["disks"]:
            if arguments.names and disk["name"] not in arguments.names:
                continue
            cases = [case for case in lists["cases"] if case["disk"] == disk["name"]]
            for sparse in False, True:
                path = pathlib.Path(directory, disk["name"] + (".sparse" if sparse else ".dense"))
                write_disk(disk, path, sparse)
                for problem in pool.map(lambda case, path=path: run(program, case, path), cases):
                    total += 1
                    good += problem is None
                    if problem:
                        print(problem)
                path.unlink()
    print("golden: %d of %d" % (good, total))
    sys.exit(0 if good == total and total > 0 else 1)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: restored_mutations.py [--count N] [--seed S] [--every N]

Real images of all kinds, changed at random, N times (100000): what qcow2-from-stdin's library accepts is what the reader of
files reads; of every Nth (50th) it is compared with what QEMU reads, and --check with qemu-img check: what that finds sound
is not refused, and what it finds damaged is not accepted. Refusals are counted by reason. The environment names the programs
(QCOW2_TO_STDOUT, MUTATIONS: tests/tools/mutations.cc). The status is 1 if something is wrong, 77 if nothing can be tested.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

TO_STDOUT = os.path.realpath(os.environ["QCOW2_TO_STDOUT"])
MUTATIONS = os.path.realpath(os.environ["MUTATIONS"])
MIB = 1 << 20

# As arguments of qemu-img convert.
CONVERTED = ["", "-o cluster_size=4k", "-o cluster_size=512", "-o compat=0.10", "-c", "-c -o cluster_size=4k",
             "-c -o compression_type=zstd", "-o extended_l2=on,cluster_size=16k", "-o refcount_bits=1",
             "-o refcount_bits=64,cluster_size=4k", "-o preallocation=metadata,cluster_size=4k", "-o lazy_refcounts=on"]
# As arguments of our own program.
STREAMED = ["", "-c 4k", "-v 2", "--compress", "--compress=zstd -c 4k", "--extended-l2", "--scan none -c 4k", "-r 1", "-r 64 -c 4k"]


# What we refuse and qemu-img check does not: it does not decode, reads what lies behind the end of a file as zeros, and takes
# disks of any size.
STRICTER = ("compressed data", "is cut off after", "its disk is too large")


def sh(command, where):
    subprocess.run(command, shell=True, check=True, cwd=where, stdout=subprocess.DEVNULL)


def make_images(where):
    lots = random.Random(1)
    disk = bytearray(2 * MIB)
    for at in range(0, len(disk), 64 << 10):
        kind = lots.randrange(3)
        if kind:
            disk[at:at + 50000] = lots.randbytes(50000) if kind == 1 else bytes(lots.choices(b"abcd", k=50000))
    (where / "disk").write_bytes(disk[:300 << 10] + bytes(1 << 20) + disk[300 << 10:500 << 10])
    images = []
    for number, options in enumerate(CONVERTED):
        sh(f"qemu-img convert -f raw -O qcow2 {options} disk q{number}", where)
        images.append(f"q{number}")
    for number, options in enumerate(STREAMED):
        sh(f"{TO_STDOUT} -q -f raw {options} disk > s{number}", where)
        images.append(f"s{number}")
    for name, options in (("written", "cluster_size=4k"), ("subclusters", "extended_l2=on,cluster_size=16k")):
        sh(f"qemu-img create -q -f qcow2 -o {options} {name} 4M; qemu-io -c 'write -P 1 64k 200k' {name};"
           f"qemu-img snapshot -c one {name}; qemu-io -c 'write -P 2 100k 90k' -c 'write -z 1M 30k' {name};"
           f"qemu-img bitmap --add -g 64k {name} b; qemu-io -c 'write -P 3 200k 64k' -c 'discard 64k 16k' {name}", where)
        images.append(name)
    return [where / name for name in images]


def compare(stem):
    """What QEMU says of one mutation; a list of problems, and of remarks."""
    problems = []
    image, raw = stem.with_suffix(".qcow2"), stem.with_suffix(".raw")
    verdict = dict(line.split(": ", 1) for line in stem.with_suffix(".verdict").read_text().splitlines())
    ours = verdict["check"]
    try:
        status = subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", image], capture_output=True, timeout=60,
                                check=False).returncode
    except subprocess.TimeoutExpired:
        return [], "qemu-img check takes too long"
    theirs = {0: "sound", 2: "damaged", 3: "leaks"}.get(status, "cannot be checked")
    said = ours if ours in ("sound", "leaks") else "damaged"
    if theirs in ("sound", "leaks") and said == "damaged" and not any(text in ours for text in STRICTER):
        problems.append(f"{image.name}: {theirs} for qemu-img check, and refused: {ours}")
    if theirs == "damaged" and said != "damaged":
        problems.append(f"{image.name}: damaged for qemu-img check, and {ours}")
    if raw.exists():
        # --image-opts: what the image calls its backing file is not opened.
        result = subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, raw], capture_output=True,
                                timeout=60, check=False)
        if result.returncode == 1:
            problems.append(f"{image.name}: QEMU reads another disk: {result.stdout.decode().strip()}")
        elif result.returncode > 1:
            return problems, "restored, and QEMU does not read it: " + result.stderr.decode().strip().split(": ")[-1]
        return problems, f"{theirs} / {said}, restored and compared"
    return problems, f"{theirs} / {said}, not restored"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0][7:])
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 40))
    parser.add_argument("--every", type=int, default=50)
    arguments = parser.parse_args()
    if not shutil.which("qemu-img") or not shutil.which("qemu-io"):
        print("SKIP: qemu-img and qemu-io are not installed")
        return 77
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        images = make_images(where)
        samples = where / "samples"
        samples.mkdir()
        # Sound ones first.
        result = subprocess.run([MUTATIONS, "0", "0", samples, "1", *images], check=False, capture_output=True)
        wrong = result.returncode != 0
        texts = [path.read_text() for path in sorted(samples.glob("*.verdict"))]
        for number, text in enumerate(texts):
            if "check: sound\nrestore: restored\n" != text:
                print(f"PROBLEM: a sound image: {text}")
                wrong = True
        problems, remarks = look_at_all(samples)
        shutil.rmtree(samples)
        samples.mkdir()
        print(f"{len(images)} images as they are: {dict(remarks)}", flush=True)
        result = subprocess.run([MUTATIONS, str(arguments.count), str(arguments.seed), samples, str(arguments.every), *images],
                                check=False)
        wrong = wrong or result.returncode != 0
        more, remarks = look_at_all(samples)
        for text, count in remarks.most_common():
            print(f"{count:8} qemu-img check / --check: {text}")
        for problem in problems + more:
            print(f"PROBLEM: {problem}")
        if problems or more or wrong:
            keep = pathlib.Path(tempfile.mkdtemp(prefix="mutations."))
            for problem in more:
                for path in samples.glob(problem.split(".")[0] + ".*"):
                    shutil.copy(path, keep)
            print(f"they are in {keep}")
            return 1
    return 0


def look_at_all(samples):
    problems, remarks = [], collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found, remark in pool.map(compare, [path.with_suffix("") for path in sorted(samples.glob("*.verdict"))]):
            problems += found
            remarks[remark] += 1
    return problems, remarks


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random sequences of disks as chains of increments.

A disk is changed again and again; after each step an increment of it is streamed on top of the one
before, in a way that is drawn by lot, and the chain, read by QEMU, must be the disk. Each link must
pass `qemu-img check`.

    chains.py --tool build/bin/qcow2-to-stdout [--chains 20] [--steps 4] [--seed N] [--ways ...]
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

KIB = 1024
WAYS = ["base", "base-of-chain", "changed-map", "dirty-bitmap", "shallow"]


def run(*command, **keywords):
    result = subprocess.run(command, capture_output=True, check=False, **keywords)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nstatus {result.returncode}: "
                 f"{result.stderr.decode(errors='replace')}")
    return result.stdout


class Disk:
    """The model: bytes, and what has been done to them in the current step."""

    def __init__(self, lots, size):
        self.lots = lots
        self.data = bytearray(size)
        self.changes = []  # (offset, length)

    def write(self, offset, data):
        data = data[:max(0, len(self.data) - offset)]
        if data:
            self.data[offset:offset + len(data)] = data
            self.changes.append((offset, len(data)))

    def resize(self, size):
        old = len(self.data)
        if size > old:
            self.data += bytes(size - old)
            self.changes.append((old, size - old))
        else:
            del self.data[size:]
            self.changes = [(o, min(n, size - o)) for o, n in self.changes if o < size]

    def random_write(self, granularity=1):
        size = len(self.data)
        length = self.lots.choice([1, 512, 4 * KIB, 64 * KIB, 300 * KIB])
        length = max(granularity, length // granularity * granularity)
        offset = self.lots.randrange(0, max(1, size)) // granularity * granularity
        kind = self.lots.choice(["random", "text", "zeros", "same"])
        if kind == "random":
            data = self.lots.randbytes(length)
        elif kind == "text":
            data = (b"%d " % self.lots.randrange(10 ** 6) * (length // 2 + 1))[:length]
        elif kind == "zeros":
            data = bytes(length)
        else:
            data = bytes(self.data[offset:offset + length])
        self.write(offset, data)


class Chain:
    """One sequence of disks and the links that were made of them."""

    def __init__(self, arguments, seed, directory):
        self.tool = arguments.tool
        self.lots = random.Random(seed)
        self.directory = directory
        self.ways = arguments.ways
        self.log = []
        size = self.lots.choice([300 * KIB, 1 << 20, (3 << 20) + 12345, 7 << 20])
        self.disk = Disk(self.lots, size)
        for _ in range(self.lots.randrange(6)):
            self.disk.random_write()
        self.save("disk0.raw")
        self.link(0, [], "full")

    def path(self, name):
        return os.path.join(self.directory, name)

    def save(self, name):
        with open(self.path(name), "wb") as file:
            file.write(self.disk.data)

    def options(self):
        """Of the image: what every way must work with."""
        lots = self.lots
        version = lots.choice(["2", "3", "3"])
        options = ["-v", version, "-c", lots.choice(["512", "4k", "64k", "64k", "256k", "2M"])]
        if version == "3":
            options += ["-r", lots.choice(["2", "8", "16", "64"])]
        compress = lots.choice([[], [], ["--compress"], ["--compress=zlib:4"]])
        if version == "3" and lots.random() < 0.2:
            compress = ["--compress=zstd"]
        if version == "3" and options[3] not in ("512", "4k") and lots.random() < 0.4:
            options += ["--extended-l2"]
        return options + compress + lots.choice([[], [], ["--scan", "holes"], ["--no-extents"]])

    def link(self, number, options, way, source=None):
        """Streams link `number`, and compares the chain with the disk."""
        image = self.path(f"link{number}.qcow2")
        options = self.options() + options
        if "--map" in options or way in ("full", "changed-map"):
            options = [o for o in options if o != "--no-extents"]
        if number > 0:
            options += ["-B", f"link{number - 1}.qcow2", "-F", "qcow2"]
        command = [self.tool, "-q", *options, source or self.path(f"disk{number}.raw")]
        self.log.append(" ".join(command))
        with open(image, "wb") as output:
            result = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=False)
        if result.returncode != 0:
            self.fail(f"status {result.returncode}: {result.stderr.decode()}")
        measured = run(*command[:1], "--measure=size", *command[1:])
        if int(measured) != os.path.getsize(image):
            self.fail(f"measured {int(measured)}, has {os.path.getsize(image)}")
        self.oracle("qemu-img", "check", image)
        self.oracle("qemu-img", "compare", "-f", "raw", "-F", "qcow2",
                    self.path(f"disk{number}.raw"), image)

    def oracle(self, *command):
        result = subprocess.run(command, capture_output=True, check=False)
        if result.returncode != 0:
            self.fail(f"{' '.join(command)}: {result.stdout.decode()} {result.stderr.decode()}")

    def fail(self, message):
        sys.exit("\n".join(self.log) + f"\n{message}\nkept in {self.directory}")

    def step(self, number):
        self.disk.changes = []
        way = self.lots.choice(self.ways)
        {"base": self.by_base, "base-of-chain": self.by_chain, "changed-map": self.by_map,
         "dirty-bitmap": self.by_bitmap, "shallow": self.by_top_layer}[way](number)

    def change_freely(self):
        for _ in range(self.lots.randrange(8)):
            self.disk.random_write()
        if self.lots.random() < 0.4:
            self.disk.resize(self.lots.randrange(1, 8 << 20))
            for _ in range(self.lots.randrange(3)):
                self.disk.random_write()

    def by_base(self, number):
        self.change_freely()
        self.save(f"disk{number}.raw")
        self.link(number, ["--base", self.path(f"disk{number - 1}.raw")], "base")

    def by_chain(self, number):
        """Compares with what QEMU reads from the links."""
        self.change_freely()
        self.save(f"disk{number}.raw")
        self.link(number, ["--base", self.path(f"link{number - 1}.qcow2"),
                           "--base-format", "qcow2"], "base")

    def by_map(self, number):
        self.change_freely()
        self.save(f"disk{number}.raw")
        size = (len(self.disk.data) + 511) // 512 * 512
        granularity = self.lots.choice([512, 4 * KIB, 64 * KIB])
        blocks = sorted({b for offset, length in self.disk.changes if length > 0
                         for b in range(offset // granularity,
                                        (offset + length - 1) // granularity + 1)})
        runs = []
        for block in blocks:
            start = block * granularity
            length = min(granularity, size - start)
            if length <= 0:
                continue
            if runs and sum(runs[-1]) == start and self.lots.random() < 0.8:
                runs[-1][1] += length
            else:
                runs.append([start, length])
        text = json.dumps(self.map_entries(runs, size))
        with open(self.path("map.json"), "w", encoding="ascii") as file:
            file.write(text)
        self.link(number, ["--changed-map", self.path("map.json")], "changed-map")

    def map_entries(self, runs, size):
        """In one of the forms that programs write."""
        form = self.lots.choice(["plain", "rbd", "nbdinfo", "qemu-img"])
        if form == "plain":
            return [{"start": o, "length": n} for o, n in runs]
        entries = []
        at = 0
        for offset, length in runs + [[size, 0]]:
            if offset > at and form == "nbdinfo":
                entries.append({"offset": at, "length": offset - at, "type": 0,
                                "description": "clean"})
            if offset > at and form == "qemu-img":
                entries.append({"start": at, "length": offset - at, "depth": 1, "present": True,
                                "zero": False, "data": True})
            at = offset + length
            if length == 0:
                continue
            zero = not any(self.disk.data[offset:offset + length])
            if form == "rbd":
                entries.append({"offset": offset, "length": length,
                                "exists": "false" if zero else "true"})
            elif form == "nbdinfo":
                entries.append({"offset": offset, "length": length, "type": 1,
                                "description": "dirty"})
            else:
                entries.append({"start": offset, "length": length, "depth": 0, "present": True,
                                "zero": zero, "data": not zero})
        return entries

    def change_with_qemu(self, image):
        """The same to the model and to an image that QEMU writes to, which has whole sectors."""
        self.disk.data += bytes(-len(self.disk.data) % 512)
        for _ in range(self.lots.randrange(8)):
            size = len(self.disk.data)
            length = self.lots.choice([512, 4 * KIB, 64 * KIB, 200 * KIB])
            offset = self.lots.randrange(0, size) // 512 * 512
            length = min(length, size - offset)
            pattern = self.lots.choice([0, 0, 7, 200])
            command = "write -z" if pattern == 0 else f"write -P {pattern}"
            run("qemu-io", "-f", "qcow2", "-c", f"{command} {offset} {length}", image)
            self.disk.write(offset, bytes([pattern]) * length)

    def by_bitmap(self, number):
        """A persistent bitmap that QEMU keeps while it writes."""
        live = self.path("live.qcow2")
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", self.path(f"disk{number - 1}.raw"),
            live)
        run("qemu-img", "bitmap", "--add", "-g", self.lots.choice(["4k", "64k"]), live, "step")
        self.change_with_qemu(live)
        self.save(f"disk{number}.raw")
        self.link(number, ["-f", "qcow2", "--dirty-bitmap", "step"], "dirty-bitmap", live)

    def by_top_layer(self, number):
        """A snapshot as a hypervisor takes it: an overlay of what was there."""
        below = self.path("below.qcow2")
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", self.path(f"disk{number - 1}.raw"),
            below)
        top = self.path("top.qcow2")
        cluster = self.lots.choice(["cluster_size=4096", "cluster_size=65536",
                                    "cluster_size=262144,extended_l2=on"])
        run("qemu-img", "create", "-f", "qcow2", "-b", "below.qcow2", "-F", "qcow2", "-o", cluster,
            top)
        self.change_with_qemu(top)
        self.save(f"disk{number}.raw")
        self.link(number, ["-f", "qcow2", "--shallow"], "shallow", top)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tool", required=True)
    parser.add_argument("--chains", type=int, default=10)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    arguments = parser.parse_args()
    links = 0
    for chain_number in range(arguments.chains):
        seed = arguments.seed + chain_number
        directory = tempfile.mkdtemp(prefix="chains-")
        print(f"chain {seed}", end="", flush=True)
        chain = Chain(arguments, seed, directory)
        for number in range(1, arguments.steps + 1):
            chain.step(number)
            links += 1
        run("rm", "-r", directory)
        print(" equal", flush=True)
    print(f"{arguments.chains} chains, {links} increments: all equal")


if __name__ == "__main__":
    main()

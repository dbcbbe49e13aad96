#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: restored_options.py [--size MIB] [--short]

Images with every set of options of qcow2-to-stdout, and of every kind that qemu-img makes, through a pipe onto every kind of
target: what is there is the disk (cmp), and takes the space that its data takes. Prints a table; for what comes too early,
the bytes that were kept at once. The environment names the programs (QCOW2_TO_STDOUT, QCOW2_FROM_STDIN). The status is 1
if a line is wrong, 77 if nothing can be tested here.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
UNIT = 64 << 10  # data and holes come in such parts, so that every target can have the holes
TO_STDOUT = os.path.realpath(os.environ["QCOW2_TO_STDOUT"])
FROM_STDIN = os.environ.get("QCOW2_FROM_STDIN") or os.path.join(os.path.dirname(TO_STDOUT), "qcow2-from-stdin")

STREAMED = ["", "-c 512", "-c 4k", "-c 2M", "-v 2", "-v 2 -c 4k", "-r 1", "-r 8", "-r 64", "--extended-l2",
            "--extended-l2 -c 16k", "--scan holes", "--scan none", "--no-extents", "--compress", "--compress=zlib:6",
            "--compress=zstd", "--compress=zstd:11 -c 4k", "--compress -c 2M", "--compress --deflate-window 4k",
            "--compress --extended-l2", "--compress=zstd -r 2 -c 512", "-T 1", "-v 2 --compress"]
# Increments go on top of the older disk.
INCREMENTS = ["", "-c 4k", "-v 2", "--extended-l2", "--compress=zstd"]
CONVERTED = ["", "-W -m 16", "-o cluster_size=512", "-o cluster_size=2M", "-c", "-c -W -m 16", "-c -o compression_type=zstd",
             "-c -o cluster_size=4k", "-o compat=0.10", "-o extended_l2=on", "-o preallocation=metadata",
             "-o preallocation=falloc", "-o preallocation=full", "-o lazy_refcounts=on", "-o refcount_bits=1",
             "-o refcount_bits=64", "-S 0"]
WRITTEN = {"written in any order": "write -P 1 30M 2M;write -P 2 1M 3M;write -P 3 17M 1M;write -z 2M 1M",
           "with a snapshot": "write -P 1 0 5M;SNAPSHOT;write -P 2 3M 5M;discard 7M 1M",
           "resized": "write -P 1 0 3M;RESIZE;write -P 2 60M 2M"}


def sh(command, **options):
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], check=False, capture_output=True, text=True, **options)


def must(command):
    result = sh(command)
    if result.returncode:
        sys.exit(f"{command}: {result.stderr}")
    return result.stdout.strip()


def make_disk(path, size, seed):
    lots = random.Random(seed)
    with open(path, "wb") as disk:
        disk.truncate(size)
        for at in range(0, size, UNIT):
            if at == 0 or at + UNIT >= size or lots.random() < 0.3:
                disk.seek(at)
                half = min(UNIT, size - at) // 2
                disk.write(lots.randbytes(half) + bytes(lots.choices(b"abcd", k=half)))


def data_of(path):
    """How many bytes of it lie in parts that are not all zeros."""
    total = 0
    with open(path, "rb") as disk:
        while part := disk.read(UNIT):
            total += len(part) if part.count(0) != len(part) else 0
    return total


def allocated(path):
    if not path.exists():
        return 0
    with open(path, "rb") as file:
        os.fsync(file)
        return os.fstat(file.fileno()).st_blocks * 512


class Table:
    def __init__(self, where):
        self.where, self.wrong, self.lines = where, 0, 0

    def check(self, name, place, disk, restore, backing, kept=""):
        """`restore` is a command; what is restored is in `backing`."""
        result = sh(restore)
        problem = result.stderr.strip() if result.returncode else ""
        found = re.search(r"of which (\d+) were kept at once", result.stderr)
        if not problem and sh(f"cmp {disk} {backing}").returncode:
            problem = "other bytes"
        wanted, has = data_of(disk), allocated(backing)
        # A file system may need a block or two for where they are.
        if not problem and place != "pipe" and not wanted <= has <= wanted + MIB // 8:
            problem = f"{has} bytes are allocated, and there are {wanted}"
        self.wrong += 1 if problem else 0
        self.lines += 1
        spool = f", {int(found.group(1)) / MIB:.2f} MiB kept" if found and kept else ""
        print(f"{'WRONG' if problem else 'ok   '} {name or '(none)':32} {place:12} {wanted / MIB:6.1f} MiB{spool} {problem}",
              flush=True)

    def places(self, disk, base):
        """Name, command with IMAGE for the stream, and what holds the disk then; it holds `base` before, if that is given."""
        target = self.where / "target"
        size = os.path.getsize(disk)
        option = " --apply" if base else ""

        def fresh():
            target.unlink(missing_ok=True)
            if base:
                must(f"cp --sparse=always {base} {target} && truncate -s {size} {target}")
        fresh()
        yield "file", f"IMAGE | {FROM_STDIN} --verbose{option} {target}", target
        if os.geteuid() == 0 and shutil.which("losetup"):
            fresh()
            must(f"truncate -s {size} {target}")
            loop = must(f"losetup -f --show {target}")
            yield "loop device", f"IMAGE | {FROM_STDIN} --verbose{option} {loop}", target
            must(f"losetup -d {loop}")
        if shutil.which("nbdkit"):
            fresh()
            must(f"truncate -s {size} {target}")
            inner = f"{FROM_STDIN} --verbose{option} \"$uri\""
            yield "NBD", f"IMAGE | nbdkit --unix - file {target} --run '{inner}'", target
        if not base:
            fresh()
            yield "pipe", f"IMAGE | {FROM_STDIN} --verbose - | cat > {target}", target
        target.unlink(missing_ok=True)

    def all_places(self, name, disk, image, base=None, kept=""):
        for place, command, backing in self.places(disk, base):
            self.check(name, place, disk, command.replace("IMAGE", image), backing, kept)


def written_image(path, commands):
    must(f"qemu-img create -q -f qcow2 {path} 40M")
    for command in commands.split(";"):
        if command == "SNAPSHOT":
            must(f"qemu-img snapshot -c one {path}")
        elif command == "RESIZE":
            must(f"qemu-img resize -q {path} 80M")
        else:
            must(f"qemu-io -c '{command}' {path}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0][7:])
    parser.add_argument("--size", type=int, default=48, help="of the disk, in MiB")
    parser.add_argument("--short", action="store_true", help="a few of each")
    arguments = parser.parse_args()
    if not shutil.which("qemu-img"):
        print("SKIP: qemu-img is not installed")
        return 77
    some = slice(None, None, 7 if arguments.short else 1)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        disk, older, image, raw = (where / name for name in ("disk", "older", "image", "raw"))
        size = arguments.size * MIB - 512
        make_disk(disk, size, 1)
        make_disk(older, size, 2)
        table = Table(where)
        for options in STREAMED[some]:
            table.all_places(options, disk, f"{TO_STDOUT} -q -f raw {options} {disk}")
        for options in INCREMENTS[some]:
            increment = f"{TO_STDOUT} -q -f raw {options} -B older -F raw --base {older} --base-format raw {disk}"
            table.all_places(f"increment {options}", disk, increment, base=older)
        for options in CONVERTED[some]:
            must(f"rm -f {image}; qemu-img convert -f raw -O qcow2 {options} {disk} {image}")
            table.all_places(f"qemu-img convert {options}", disk, f"cat {image}", kept="say")
        for title, commands in list(WRITTEN.items())[some]:
            image.unlink()
            written_image(image, commands)
            must(f"qemu-img convert -f qcow2 -O raw {image} {raw}")
            table.all_places(title, raw, f"cat {image}", kept="say")
        print(f"{table.lines} lines, {table.wrong} wrong, {time.monotonic() - begin:.0f} s")
    return 1 if table.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

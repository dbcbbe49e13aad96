# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody wins by writing less: what each competitor writes is looked at once for each disk."""

import hashlib
import json
import os
import subprocess
import sys

from .disks import has_holes
from .runs import NOTHING, remove


def output_of(cell):
    """(bytes, SHA-256) of what the command writes."""
    remove(cell.files)
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(1 << 20))
    with subprocess.Popen([str(word) for word in cell.command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0) as process:
        while n := process.stdout.readinto(buffer):
            digest.update(buffer[:n])
            size += n
    remove(cell.files)
    if process.returncode != 0:
        sys.exit(f"bench: {cell.name} failed with status {process.returncode}")
    return size, digest.hexdigest()


class Checks:
    """`rows` for the table: disk, competitor, bytes, verdict. `failed` if one is wrong."""

    def __init__(self, programs):
        self.programs = programs
        self.rows = []
        self.failed = False
        self.seen = {}

    def measure(self, disk):
        """The numbers of `--measure=json`."""
        done = subprocess.run([self.programs.ours, "--measure=json", disk], check=True,
                              stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def check(self, name, disk, cells):
        """The first cell must be ours with default options."""
        outputs = self.seen.setdefault(name, {})
        for cell in cells:
            if cell.sink == NOTHING or cell.name in outputs:
                continue
            print(f"checking {name}: {cell.name}", file=sys.stderr, flush=True)
            outputs[cell.name] = output_of(cell)
            verdict = self.verdict(cell.name, disk, outputs)
            self.failed |= verdict.startswith("WRONG")
            self.rows.append((name, cell.name, outputs[cell.name][0], verdict))

    def verdict(self, competitor, disk, outputs):
        size, digest = outputs[competitor]
        ours_size, ours_digest = outputs["ours"]
        if competitor == "ours":
            announced = self.measure(disk)["required"]
            return "as announced" if size == announced else f"WRONG: announced {announced}"
        if competitor.startswith("ours") and "--scan holes" in competitor:
            return "not less than ours" if size >= ours_size else "WRONG: less than ours"
        if competitor == "nbdcopy":
            whole = os.stat(disk).st_size
            return "the whole disk" if size == whole else f"WRONG: the disk has {whole}"
        if competitor in ("floor splice", "floor nbd-copy"):
            measured = self.measure(disk)
            end = os.stat(disk).st_size % measured["cluster-size"]
            data = measured["regions"].get("data-clusters", 0)
            exact = data - measured["cluster-size"] < size <= data if end else size == data
            return "the data clusters of ours" if exact else f"WRONG: ours has {data} of data"
        if digest == ours_digest:
            return "the same bytes as ours"
        if competitor.startswith("reference"):
            if has_holes(disk):
                return "differs, as expected where a cluster has two extents"
            return "WRONG: not the bytes of ours"
        if competitor == "cat of a made image" or competitor.startswith("ours"):
            return "WRONG: not the bytes of ours"
        return f"{size - ours_size:+} bytes"

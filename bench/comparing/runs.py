# SPDX-License-Identifier: GPL-2.0-or-later
"""Measured runs: commands, where their output goes, and rounds in which each has its turn."""

import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

from . import Skip

CAT, DISCARD, SOCKET, FILE = "cat", "discard", "socket", "file"
# /dev/null; and what has no output at all
NULL, NOTHING = "null", "nothing"

# The stopwatch of `floor` for each.
STOPWATCH = {CAT: "time-to-cat", DISCARD: "first-byte", SOCKET: "drain-socket", FILE: "time",
             NULL: "time", NOTHING: "time"}


@dataclasses.dataclass
class Cell:
    """One competitor with one output. `files`: made by the run, removed before and after."""
    name: str
    command: list
    sink: str
    files: list = dataclasses.field(default_factory=list)
    # What brings the program itself back into memory before a cold run.
    preload: list = None

    def label(self):
        return self.name if self.sink == NOTHING else f"{self.name} → {self.sink}"


class Samples:
    """The rounds of one cell."""

    def __init__(self, runs):
        self.runs = runs

    def all(self, key):
        return [run[key] for run in self.runs if key in run]

    def median(self, key="seconds"):
        return statistics.median(self.all(key))


class Programs:
    """Makes the cells: what each competitor is called, and how it is started."""

    def __init__(self, binaries, directory):
        self.ours = str(binaries / "qcow2-to-stdout")
        self.ours_back = str(binaries / "qcow2-from-stdin")
        self.floor = str(binaries / "floor")
        self.reference = os.environ.get("QCOW2_REFERENCE")
        self.qemu_img = shutil.which("qemu-img")
        self.temporary = directory / "qemu-img.unfinished"
        for program in (self.ours, self.ours_back, self.floor):
            if not os.access(program, os.X_OK):
                sys.exit(f"bench: {program} is not there: ./dev build")
        if self.reference and not os.path.isfile(self.reference):
            sys.exit("bench: QCOW2_REFERENCE is not a file")

    def us(self, disk, sink, *options, **more):
        name = " ".join(("ours", *options))
        return Cell(name, [self.ours, *options, disk], sink, preload=[self.ours, "--version"],
                    **more)

    def the_reference(self, disk, sink, *options, **more):
        """A list, since it may not be there."""
        if not self.reference:
            return []
        python = [sys.executable, self.reference]
        name = " ".join(("reference", *options))
        return [Cell(name, [*python, *options, disk], sink, preload=[*python, "--help"], **more)]

    def qemu(self, disk, sink):
        if not self.qemu_img:
            return []
        script = 'qemu-img convert -f raw -O qcow2 "$1" "$2" && cat "$2"'
        return [Cell("qemu-img + cat", ["sh", "-c", script, "sh", disk, self.temporary], sink,
                     files=[self.temporary], preload=["qemu-img", "--version"])]

    def floor_splice(self, disk, sink):
        return Cell("floor splice", [self.floor, "splice", disk], sink)

    def floor_probes(self, disk):
        return Cell("floor probes", [self.floor, "probes", disk], NOTHING)

    def floor_read(self, disk, how):
        return Cell(f"floor read {how}", [self.floor, "read", disk, how], NOTHING,
                    preload=[self.floor])

    def floor_copy(self, disk, out):
        return Cell("floor copy", [self.floor, "copy", disk, out], NOTHING, files=[out])

    def us_nbd(self, uri, sink, *options):
        cell = self.us(uri, sink, *options)
        cell.name += " URI"
        return cell

    def floor_nbd_copy(self, uri, sink, *how):
        return Cell("floor nbd-copy", [self.floor, "nbd-copy", uri, *how], sink)

    def nbdcopy(self, uri, target, sink):
        return Cell("nbdcopy", ["nbdcopy", "--request-size=262144", uri, target], sink)

    def cat(self, image, sink):
        return Cell("cat of a made image", ["cat", image], sink)


class Runner:
    """Measures, and keeps every run for the record."""

    def __init__(self, programs, rounds):
        self.programs = programs
        self.rounds = rounds
        self.record = []

    def warm(self, disk):
        """Everything that is data comes into the page cache, nothing waits to be written."""
        os.sync()
        subprocess.run([self.programs.floor, "read", disk, "buffered"], check=True,
                       stderr=subprocess.DEVNULL)

    def interleave(self, group, cells, more_rounds=1, cold=False, warm_up=True):
        """Each round gives each cell its turn, each time another one first. Returns the samples
        by label. Warm, a turn that does not count comes first, unless `warm_up` is false."""
        if cold:
            require_cold()
        elif warm_up:
            for cell in cells:
                self.measure(cell)
        runs = {cell.label(): [] for cell in cells}
        rounds = self.rounds * more_rounds
        for turn in range(rounds):
            first = turn % len(cells)
            for cell in cells[first:] + cells[:first]:
                if cold:
                    drop_caches(cell)
                run = self.measure(cell)
                runs[cell.label()].append(run)
                self.record.append({"group": group, "cold": cold, "round": turn,
                                    "competitor": cell.name, "sink": cell.sink, **run})
                print(f"{group}: round {turn + 1}/{rounds}: {cell.label()}: {run['seconds']:.3f} s",
                      file=sys.stderr, flush=True)
        return {label: Samples(of_cell) for label, of_cell in runs.items()}

    def measure(self, cell):
        remove(cell.files)
        try:
            with open(cell.files[0] if cell.sink == FILE else os.devnull, "wb") as out:
                done = subprocess.run(
                    [self.programs.floor, STOPWATCH[cell.sink], *map(str, cell.command)],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True,
                    check=False)
            if done.returncode != 0:
                sys.exit(f"bench: {cell.label()} failed: {done.stderr.strip()}")
            return numbers_of(done.stderr, cell)
        finally:
            remove(cell.files)


def numbers_of(stderr, cell):
    """The stopwatch's line is the last; a floor's own line comes before it."""
    lines = [json.loads(line) for line in stderr.splitlines() if line.startswith('{"floor"')]
    run = lines[-1]
    del run["floor"], run["status"]
    run["cpu_seconds"] = run["user_seconds"] + run["system_seconds"]
    if cell.files and cell.files[0].exists():
        run["bytes"] = cell.files[0].stat().st_size
    if len(lines) > 1:
        run["inside"] = lines[0]
        for key in ("probe_seconds", "splice_seconds", "copy_seconds"):
            if key in lines[0]:
                run[key] = lines[0][key]
    return run


def remove(files):
    for file in files:
        pathlib.Path(file).unlink(missing_ok=True)


def require_cold():
    if not os.access("/proc/sys/vm/drop_caches", os.W_OK):
        raise Skip("only root can drop the page cache")


def drop_caches(cell):
    """The disk is cold, the program is not: how fast a loader reads is not the question."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")
    for command in (["cat", os.devnull], cell.preload):
        if command:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           check=False)

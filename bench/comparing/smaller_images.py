# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about images that leave something out: compressed ones and increments."""

import contextlib
import json
import random
import subprocess
import sys

from .bench import Row
from .disks import CLUSTER, GIB, MIB, copy_part
from .runs import FILE, NOTHING, NULL, Cell
from .servers import require

# What of the disk an increment finds changed, and in runs of which length.
CHANGED_SHARE = 100
CHANGED_RUN = MIB

# A reader that takes 50 MB/s: a slow network.
SLOW_READER = """
import sys, time
taken, began = 0, time.monotonic()
while piece := sys.stdin.buffer.read(1 << 20):
    taken += len(piece)
    time.sleep(max(0, taken / 50e6 - (time.monotonic() - began)))
"""


def qemu_compressed(disk, out, kind):
    command = ["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2",
               "-o", f"compression_type={kind}", disk, out]
    return Cell(f"qemu-img convert -c, {kind}", command, NOTHING, files=[out])


@contextlib.contextmanager
def compressed_part(bench):
    """A part of the disk, warm: the whole of it takes QEMU four minutes a turn."""
    part = bench.disks.directory / "part.raw"
    try:
        copy_part(bench.disks.path("ext4"), part, GIB // bench.disks.scale)
        bench.runner.warm(part)
        yield part
    finally:
        part.unlink(missing_ok=True)


def compare_compressed(bench, kind, ours, targets):
    """`ours`: lists of options. `targets`: index into it, of time and of size."""
    require("qemu-img")
    p, out = bench.programs, bench.disks.directory / "compressed.qcow2"
    with compressed_part(bench) as part:
        cells = [p.us(part, FILE, *options, files=[out]) for options in ours]
        theirs = qemu_compressed(part, out, kind)
        # A turn of QEMU's takes a minute, and what it would warm up is warm.
        samples = bench.run(f"warm, {kind}, to a file", [*cells, theirs], warm_up=False)
    for (faster, smaller), cell in zip(targets, cells):
        label = cell.label()
        what = f"{'14' if kind == 'zlib' else '15'} {' '.join(cell.command[1:-1])}"
        bench.compare(what, samples, label, theirs.label(), least=faster)
        bench.rows.append(Row(f"{what}: size", samples[label].median("bytes") / MIB, theirs.label(),
                              samples[theirs.label()].median("bytes") / MIB, most=smaller,
                              unit="MiB"))


def zlib(bench):
    """14: how fast and how small with --compress?"""
    compare_compressed(bench, "zlib", [
        ["--compress", "--spool-memory=3G"], ["--compress"], ["--compress", "--spool-memory=0"],
        ["--compress=zlib:4", "--deflate-window=32k", "--spool-memory=3G"],
    ], [(10, 1.08), (0, None), (0, None), (3, 1)])
    threads_and_memory(bench)


def threads_and_memory(bench):
    with compressed_part(bench) as part:
        compare_threads(bench, part)
        compare_memory(bench, part)


def compare_threads(bench, disk):
    cells = [bench.programs.us(disk, NOTHING, "-T", n, "--compress", "--measure=size") for n in ("1", "2")]
    samples = bench.run("warm, the survey of --compress", cells)
    bench.compare("14 the survey of --compress, two threads", samples, cells[1].label(),
                  cells[0].label(), least=1.8)


def compare_memory(bench, disk):
    p = bench.programs
    least = p.us(disk, NULL, "--compress", "--spool-memory=0")
    slow = Cell("ours --compress --spool-memory=0, a slow reader",
                ["sh", "-c", '"$1" --compress --spool-memory=0 "$2" | "$3" -c "$4"', "sh", p.ours,
                 disk, sys.executable, SLOW_READER], NOTHING)
    samples = bench.run("a reader that takes 50 MB/s", [least, slow], warm_up=False)
    peaks = [max(samples[cell.label()].all("peak_rss_bytes")) / MIB for cell in (slow, least)]
    bench.rows.append(Row("14 peak memory with a slow reader", peaks[0], "with a fast one", peaks[1],
                          most=1.1, unit="MiB"))


def zstd(bench):
    """15: how fast and how small with --compress=zstd?"""
    compare_compressed(bench, "zstd",
                       [["--compress=zstd", "--spool-memory=3G"], ["--compress=zstd"]],
                       [(4, 1), (2, 1)])


LEVELS = ["zlib:1", "zlib:2", "zlib:4", "zlib:6", "zstd:1", "zstd:3", "zstd:5", "zstd:8"]


def levels(bench):
    """19: which level brings what? The sizes of the images, and the time that they take."""
    require("qemu-img")
    p, directory = bench.programs, bench.disks.directory
    part, out = directory / "part.raw", directory / "compressed.qcow2"
    try:
        copy_part(bench.disks.path("ext4"), part, GIB // 2 // bench.disks.scale)
        bench.runner.warm(part)
        cells = [p.us(part, FILE, f"--compress={level}", files=[out]) for level in LEVELS]
        cells += [qemu_compressed(part, out, kind) for kind in ("zlib", "zstd")]
        samples = bench.run("warm, levels of compression", cells, warm_up=False)
    finally:
        part.unlink(missing_ok=True)
    for level, cell in zip(LEVELS, cells):
        theirs = next(c for c in cells if c.label().endswith(f"-c, {level.partition(':')[0]}"))
        bench.compare(f"19 --compress={level}", samples, cell.label(), theirs.label(), least=0)
        bench.rows.append(Row(f"19 --compress={level}: size", samples[cell.label()].median("bytes") / MIB, theirs.label(),
                              samples[theirs.label()].median("bytes") / MIB, unit="MiB"))


def increments(bench):
    """16: what does an increment cost when a hundredth has changed?"""
    require("qemu-img", "qemu-io", "cp")
    p, base, directory = bench.programs, bench.disks.path("ext4"), bench.disks.directory
    disk, top, map_file = directory / "new.raw", directory / "top.qcow2", directory / "changed.json"
    same = directory / "same.raw"
    runs = changed_runs(base.stat().st_size)
    try:
        write_changes(base, disk, top, runs)
        map_file.write_text(json.dumps([{"offset": begin, "length": CHANGED_RUN} for begin in runs]))
        over = ("-B", str(base), "-F", "raw")
        cells = [p.us(disk, NULL, "--base", str(base), *over),
                 p.us(top, NULL, "-f", "qcow2", "--shallow", *over),
                 p.us(disk, NULL, "--changed-map", str(map_file), "--scan", "holes", *over),
                 Cell("cmp, to the end", ["sh", "-c", 'cmp -l "$1" "$2" | tail -n 1', "sh", base,
                                          disk], NOTHING),
                 Cell("cmp of equal disks", ["cmp", "-s", base, copy_of(base, same)], NOTHING)]
        for cell, name in zip(cells, ("--base", "--shallow", "--changed-map")):
            cell.name = f"ours {name}"
        for path in (base, disk, same, top):
            bench.runner.warm(path)
        samples = bench.run("warm, a hundredth has changed", cells)
    finally:
        for path in (disk, top, map_file, same):
            path.unlink(missing_ok=True)
    for cell, target in zip(cells, (1, None, None)):
        bench.compare(f"16 {cell.name[5:]}", samples, cell.label(), "cmp of equal disks",
                      most=target)


def changed_runs(size):
    places = range(0, size // CHANGED_RUN)
    return sorted(n * CHANGED_RUN
                  for n in random.Random(1).sample(places, max(1, len(places) // CHANGED_SHARE)))


def copy_of(disk, path):
    subprocess.run(["cp", "--sparse=always", disk, path], check=True)
    return path


def write_changes(base, disk, top, runs):
    """The same changes in a copy of the disk and in an overlay of it."""
    copy_of(base, disk)
    noise = random.Random(2).randbytes(CHANGED_RUN)
    with open(disk, "r+b") as file:
        for begin in runs:
            file.seek(begin)
            file.write(noise)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base.resolve(), "-F", "raw",
                    "-o", f"cluster_size={CLUSTER}", top], check=True)
    script = "".join(f"write -P 7 {begin} {CHANGED_RUN}\n" for begin in runs)
    subprocess.run(["qemu-io", "-f", "qcow2", top], input=script, text=True, check=True,
                   stdout=subprocess.DEVNULL)

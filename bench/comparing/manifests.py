# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about manifests of the content."""

import pathlib
import subprocess
import sys

from .bench import Row
from .disks import MIB
from .runs import CAT, NOTHING, NULL, Cell
from .smaller_images import changed_runs, write_changes

HASH_DATA = str(pathlib.Path(__file__).with_name("hash_data.py"))


def save_manifest(bench):
    """30: what does a manifest cost beside the image?"""
    p, disk = bench.programs, bench.disks.path("ext4")
    bench.runner.warm(disk)
    manifest = ("--save-manifest", "/dev/null")
    cells = [p.us(disk, CAT, "--digest", "sha256=/dev/null"), p.us(disk, CAT, "-T", "1", *manifest),
             p.us(disk, CAT, "-T", "2", *manifest), p.us(disk, CAT)]
    samples = bench.run("warm, a manifest", cells)
    labels = [cell.label() for cell in cells]
    what = "30 --save-manifest, warm, pipe to cat"
    bench.compare(f"{what}, one thread", samples, labels[1], labels[0], most=1.15)
    bench.compare(f"{what}, two threads", samples, labels[2], labels[0], most=1)
    bench.compare(what, samples, labels[2], labels[3])
    huge = bench.disks.path("huge")
    bench.runner.warm(huge)
    cells = [p.us(huge, CAT, *manifest), p.us(huge, CAT)]
    samples = bench.run("warm, a manifest of 15 TiB", cells, more_rounds=3)
    bench.compare("30 --save-manifest, 15 TiB with little data", samples, cells[0].label(),
                  cells[1].label(), most=2)


def base_manifest(bench):
    """31: what does an increment cost that has only a manifest of yesterday?"""
    p, base, directory = bench.programs, bench.disks.path("ext4"), bench.disks.directory
    disk, top, manifest = directory / "new.raw", directory / "top.qcow2", directory / "manifest"
    over = ("-B", str(base), "-F", "raw")
    try:
        write_changes(base, disk, top, changed_runs(base.stat().st_size))
        top.unlink()
        subprocess.run([p.ours, "--measure=size", "--save-manifest", manifest, base], check=True,
                       stdout=subprocess.DEVNULL)
        by_manifest = ("--base-manifest", str(manifest), *over)
        by_base = ("--base", str(base), *over)
        cells = [p.us(disk, NULL, *by_manifest), p.us(disk, NULL, *by_base),
                 Cell("sha256 of the data on all cores", [sys.executable, HASH_DATA, disk], NOTHING)]
        for cell, name in zip(cells, ("--base-manifest", "--base")):
            cell.name = f"ours {name}"
        for path in (base, disk):
            bench.runner.warm(path)
        samples = bench.run("warm, a hundredth has changed, by a manifest", cells)
        sizes = [size_of(p, disk, options) for options in (by_manifest, by_base)]
    finally:
        for path in (disk, top, manifest):
            path.unlink(missing_ok=True)
    what, ours = "31 --base-manifest, warm, a hundredth has changed", cells[0].label()
    bench.compare(what, samples, ours, cells[2].label(), most=1.15)
    bench.compare(what, samples, ours, cells[1].label())
    bench.rows.append(Row(f"{what}: size", sizes[0] / MIB, "--base", sizes[1] / MIB, unit="MiB"))


CHUNKS = ("64k", "128k", "256k", "512k", "1M", "2M", "4M", "16M")


def manifest_chunk(bench):
    """32: what does a chunk of each size cost, in time, in space, and in the increments by it?"""
    p, base, directory = bench.programs, bench.disks.path("ext4"), bench.disks.directory
    disk, top, manifest = directory / "new.raw", directory / "top.qcow2", directory / "manifest"
    try:
        write_changes(base, disk, top, changed_runs(base.stat().st_size))
        top.unlink()
        for path in (base, disk):
            bench.runner.warm(path)
        cells = [p.us(base, NULL, "--save-manifest", "/dev/null", "--manifest-chunk", chunk) for chunk in CHUNKS]
        samples = bench.run("warm, a manifest by the size of its chunks", cells)
        usual = cells[CHUNKS.index("256k")].label()
        for chunk, cell in zip(CHUNKS, cells):
            subprocess.run([p.ours, "--measure=size", "--save-manifest", manifest, "--manifest-chunk", chunk, base],
                           check=True, stdout=subprocess.DEVNULL)
            what = f"32 chunks of {chunk}"
            bench.compare(f"{what}: --save-manifest", samples, cell.label(), usual)
            bench.rows.append(Row(f"{what}: size of the manifest, of an increment by it", manifest.stat().st_size / MIB,
                                  "the increment",
                                  size_of(p, disk, ("--base-manifest", str(manifest))) / MIB, unit="MiB"))
    finally:
        for path in (disk, top, manifest):
            path.unlink(missing_ok=True)


def size_of(programs, disk, options):
    done = subprocess.run([programs.ours, "--measure=size", *options, disk], check=True,
                          stdout=subprocess.PIPE)
    return int(done.stdout)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about the other half: images that come through a pipe, onto a disk."""

import pathlib
import subprocess
import sys

from .bench import Row
from .disks import GIB, MIB, allocated, available_memory, copy_part, room_in
from .runs import NOTHING, Cell
from .servers import require

MEMORY = pathlib.Path("/dev/shm")
COMPRESSED = {"zlib": ["-c"], "zstd": ["-c", "-o", "compression_type=zstd"]}
# What an image is restored to has no name that QEMU or we could refuse.
OUT = "restored.raw"


def from_pipe(name, image, out, *command):
    """A command that reads the image from `cat`."""
    script = 'image=$1; shift; cat "$image" | "$@"'
    return Cell(name, ["sh", "-c", script, "sh", image, *command], NOTHING, files=[out])


def ours(bench, image, out, *options):
    name = " ".join(("ours", *options))
    return from_pipe(name, image, out, bench.programs.ours_back, "-q", *options, out)


def dd(image, out):
    return from_pipe("dd of the image", image, out, "dd", "bs=1M", "iflag=fullblock", "conv=fsync", "status=none",
                     f"of={out}")


def places(bench):
    """Where disks are restored to: a file system on a disk, and memory where there is enough of it."""
    yield "on a disk", bench.disks.directory
    wanted = 2 * allocated(bench.disks.path("ext4")) + GIB
    if room_in(MEMORY) >= wanted and available_memory() >= 2 * wanted:
        yield "in memory", MEMORY
    else:
        bench.notes.append(f"not restored in memory: {wanted / GIB:.1f} GiB of it are needed twice")


def plain(bench):
    """20: how fast does a plain image come back from a pipe?"""
    disk, image = bench.disks.path("ext4"), bench.disks.directory / "plain.qcow2"
    try:
        with open(image, "wb") as made:
            subprocess.run([bench.programs.ours, "-q", disk], stdout=made, check=True)
        for place, directory in places(bench):
            out = directory / OUT
            bench.runner.warm(image)
            check_restored(bench, image, disk, out)
            cells = [ours(bench, image, out), dd(image, out)]
            samples = bench.run(f"restore, plain image, {place}", cells)
            bench.compare(f"20 plain image from a pipe to a file {place}", samples, "ours", "dd of the image", most=1.15)
    finally:
        image.unlink(missing_ok=True)


def compressed(bench):
    """21: and a compressed one?"""
    require("qemu-img")
    part, image = bench.disks.directory / "part.raw", bench.disks.directory / "small.qcow2"
    try:
        copy_part(bench.disks.path("ext4"), part, 4 * GIB // bench.disks.scale)
        for kind, options in COMPRESSED.items():
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, part, image], check=True)
            for place, directory in places(bench):
                compare_compressed(bench, kind, image, part, directory / OUT, place)
    finally:
        for path in (part, image):
            path.unlink(missing_ok=True)


def compare_compressed(bench, kind, image, part, out, place):
    bench.runner.warm(image)
    check_restored(bench, image, part, out)
    theirs = Cell("qemu-img convert -W -m 16", ["sh", "-c", 'qemu-img convert -W -m 16 -f qcow2 -O raw "$1" "$2" && sync "$2"',
                                                "sh", image, out], NOTHING, files=[out])
    samples = bench.run(f"restore, {kind}, {place}", [ours(bench, image, out), theirs])
    what, least = f"21 {kind} from a pipe to a file {place}", 2 if kind == "zlib" else 1.3
    bench.compare(what, samples, "ours", theirs.label(), least=least)
    bench.compare(f"{what}: CPU", samples, "ours", theirs.label(), key="cpu_seconds", least=0)
    peak = max(samples["ours"].all("peak_rss_bytes")) / MIB
    bench.rows.append(Row(f"{what}: peak memory", peak, "64 MiB", 64, most=1, unit="MiB"))


def check_restored(bench, image, disk, out):
    """A fast way to something else would be worth nothing."""
    cell = ours(bench, image, out)
    try:
        subprocess.run(list(map(str, cell.command)), check=True)
        if subprocess.run(["cmp", disk, out], check=False).returncode != 0:
            sys.exit(f"bench: {cell.label()} restored another disk")
    finally:
        out.unlink(missing_ok=True)

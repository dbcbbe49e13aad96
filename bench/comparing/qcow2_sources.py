# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about qcow2 images as sources that are not warm and in order: cold, fragmented,
compressed, and huge."""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile

from .bench import Row
from .disks import CLUSTER, GIB, MIB, TIB, available_memory, copy_part, room_in
from .runs import CAT, DISCARD, FILE, NOTHING, Cell
from .servers import require

COMPRESSED = {"zlib": ["-c"], "zstd": ["-c", "-o", "compression_type=zstd"]}
# Virtual size and cluster size.
HUGE = [(2 * TIB, 4096), (2 * TIB, 65536), (2 * TIB, 2 * MIB), (128 * GIB, 512)]
SCATTERED = 4000  # clusters of each of them that hold data


def qemu_io(image, commands):
    """Runs many commands in one process. What it says is of no interest."""
    subprocess.run(["qemu-io", "-f", "qcow2", image], input="\n".join([*commands, "quit", ""]),
                   text=True, stdout=subprocess.DEVNULL, check=True)


def cold_and_fragmented(bench):
    """26: how fast from a qcow2 image on the disk, and from one whose clusters lie in any order?"""
    require("qemu-img", "qemu-io")
    p, raw, directory = bench.programs, bench.disks.path("ext4"), bench.disks.directory
    image = directory / "ext4.qcow2"
    if not image.exists():
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, image], check=True)
    samples = bench.run("cold, qcow2 image, pipe to cat",
                        [p.us(image, CAT, "-f", "qcow2"), p.floor_read(image, "buffered")], cold=True)
    bench.compare("26 qcow2 image, cold, pipe to cat", samples, "ours -f qcow2 → cat",
                  "floor read buffered", most=1.2)
    ordered, mixed = directory / "ordered.qcow2", directory / "mixed.qcow2"
    try:
        size = 2 * GIB // bench.disks.scale
        offsets = list(range(0, size, CLUSTER))
        for name in (ordered, mixed):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", name, str(size)], check=True)
            qemu_io(name, [f"write -q -P {1 + at // CLUSTER % 255} {at} {CLUSTER}" for at in offsets])
            random.Random(1).shuffle(offsets)
        cells = []
        for name in (ordered, mixed):
            bench.runner.warm(name)
            cells.append(p.us(name, CAT, "-f", "qcow2"))
            cells[-1].name = f"ours, {name.stem}"
        samples = bench.run("warm, order of clusters", cells)
        bench.compare("26 clusters in any order, warm, pipe to cat", samples, cells[1].label(),
                      cells[0].label())
        if os.access("/proc/sys/vm/drop_caches", os.W_OK):
            cells.append(p.floor_read(mixed, "buffered"))
            samples = bench.run("cold, order of clusters", cells, cold=True)
            bench.compare("26 clusters in any order, cold, pipe to cat", samples, cells[1].label(),
                          "floor read buffered")
    finally:
        for name in (ordered, mixed):
            name.unlink(missing_ok=True)


def compressed_sources(bench):
    """27: how fast from a compressed image to a plain one?"""
    require("qemu-img")
    data = 4 * GIB // bench.disks.scale
    part, image = bench.disks.directory / "part.raw", bench.disks.directory / "packed.qcow2"
    places = [("on a disk", bench.disks.directory)]
    memory = None
    if room_in("/dev/shm") > 2 * data and available_memory() > 3 * data:
        memory = pathlib.Path(tempfile.mkdtemp(prefix="qcow2-to-stdout-bench-", dir="/dev/shm"))
        places.append(("in memory", memory))
    else:
        bench.notes.append("27: not in memory: there is not enough")
    try:
        copy_part(bench.disks.path("ext4"), part, data)
        for kind, options in COMPRESSED.items():
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, part, image],
                           check=True)
            for place, directory in places:
                to_plain(bench, f"{kind} {place}", image, directory / "plain.qcow2",
                         2 if kind == "zlib" else 1.3)
            keep(bench, kind, image)
    finally:
        for path in (part, image):
            path.unlink(missing_ok=True)
        if memory is not None:
            shutil.rmtree(memory)


def to_plain(bench, what, image, out, least):
    """Flushed, as it has to be before the source may go. `dd` of what was written is the floor."""
    p = bench.programs
    copy = out.with_name("again.qcow2")
    ours = p.us(image, FILE, "-f", "qcow2", "--flush", files=[out])
    theirs = Cell("qemu-img convert -W -m 16", [
        "sh", "-c", 'qemu-img convert -W -m 16 -f qcow2 -O qcow2 "$1" "$2" && sync "$2"', "sh", image,
        copy], NOTHING, files=[copy])
    made = out.with_name("made.qcow2")
    floor = Cell("dd of the plain image", [
        "dd", "bs=1M", "conv=fsync", "status=none", f"if={made}", f"of={copy}"], NOTHING, files=[copy])
    try:
        with open(made, "wb") as file:
            subprocess.run([p.ours, "-f", "qcow2", image], stdout=file, check=True)
        for path in (image, made):
            bench.runner.warm(path)
        samples = bench.run(f"compressed source, {what}", [ours, theirs, floor])
    finally:
        made.unlink(missing_ok=True)
    title = f"27 {what}: to a plain image, flushed"
    bench.compare(title, samples, ours.label(), theirs.label(), least=least)
    bench.compare(f"{title}: CPU", samples, ours.label(), theirs.label(), key="cpu_seconds", least=least)
    bench.compare(title, samples, ours.label(), floor.label())


def keep(bench, kind, image):
    """28: and with its clusters as they are?"""
    p = bench.programs
    bench.runner.warm(image)
    ours = p.us(image, CAT, "-f", "qcow2", "--compress=keep")
    cat = Cell("cat of the compressed image", ["cat", image], CAT)
    samples = bench.run(f"--compress=keep, {kind}", [ours, cat])
    bench.compare(f"28 --compress=keep, {kind}, pipe to cat", samples, ours.label(), cat.label(), most=1.5)
    size = int(subprocess.run([p.ours, "-q", "-f", "qcow2", "--compress=keep", "--measure=size", image],
                              check=True, stdout=subprocess.PIPE).stdout)
    bench.rows.append(Row(f"28 --compress=keep, {kind}: size", size / MIB, "the source",
                          image.stat().st_size / MIB, most=1, unit="MiB"))


def memory_of_huge(bench):
    """29: how much memory does a huge image take?"""
    require("qemu-img", "qemu-io")
    p, image = bench.programs, bench.disks.directory / "huge.qcow2"
    for size, cluster in HUGE:
        try:
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"cluster_size={cluster}",
                            image, str(size)], check=True)
            offsets = random.Random(cluster).sample(range(0, size // cluster), SCATTERED)
            qemu_io(image, [f"write -q -P 1 {at * cluster} 512" for at in sorted(offsets)])
            cells = [p.us(image, DISCARD, "-q", "-f", "qcow2", "-c", str(cluster)),
                     p.us(image, DISCARD, "-q", "-f", "qcow2")]
            samples = bench.run(f"huge, clusters of {cluster}", cells)
            for cell in cells:
                peak = max(samples[cell.label()].all("peak_rss_bytes")) / MIB
                what = f"29 {size // GIB} GiB in clusters of {cluster}, {cell.name}: peak memory"
                bench.rows.append(Row(what, peak, "64 MiB", 64, most=1, unit="MiB"))
        finally:
            image.unlink(missing_ok=True)

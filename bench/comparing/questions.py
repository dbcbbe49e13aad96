# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about disks in files, each a function that measures and answers with rows for the
table, and the list of all questions.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from . import Skip
from .bench import Row
from .disks import GIB, MIB, available_memory, copy_part, room_in
from .leaving_out import find_free, half_of_files_deleted
from .manifests import base_manifest, manifest_chunk, save_manifest
from .mounting import compressed_mount, mount
from .other_sources import distant_server, formats, long_map, nbd_server, qcow2_image, standard_input
from .qcow2_sources import cold_and_fragmented, compressed_sources, memory_of_huge
from .restoring import compressed, plain
from .restoring_elsewhere import chain, device, huge, server
from .runs import CAT, DISCARD, FILE, NOTHING, SOCKET, Cell
from .smaller_images import increments, levels, zlib, zstd

MEMORY_TARGET = 64 * MIB


def warm_pipe(bench):
    """1: how fast through a pipe, from memory?"""
    p, disk = bench.programs, bench.disks.path("ext4")
    made = bench.disks.directory / "made.qcow2"
    try:
        with open(made, "wb") as out:
            bench.runner.warm(disk)
            make_image(p, disk, out)
        bench.runner.warm(disk)
        bench.runner.warm(made)
        to_cat = [p.us(disk, CAT), p.us(disk, CAT, "--scan", "holes"), *p.the_reference(disk, CAT),
                  *p.qemu(disk, CAT), p.floor_splice(disk, CAT), p.cat(made, CAT)]
        samples = bench.run("warm, pipe to cat", to_cat, check=("ext4", disk))
    finally:
        made.unlink(missing_ok=True)
    what = "1 ext4, warm, pipe to cat"
    bench.compare(what, samples, "ours → cat", "floor splice → cat", most=1.15)
    bench.compare(what, samples, "ours → cat", "reference → cat", least=3)
    bench.compare(what, samples, "ours → cat", "qemu-img + cat → cat", least=0)
    bench.compare(what, samples, "ours → cat", "cat of a made image → cat")
    other_readers(bench, disk)


def other_readers(bench, disk):
    p = bench.programs
    cells = [p.us(disk, DISCARD), *p.the_reference(disk, DISCARD), p.floor_splice(disk, DISCARD)]
    samples = bench.run("warm, pipe to a reader that discards", cells)
    what = "1 ext4, warm, reader that discards"
    bench.compare(what, samples, "ours → discard", "reference → discard", least=6)
    bench.compare(what, samples, "ours → discard", "floor splice → discard")
    samples = bench.run("warm, socket", [p.us(disk, SOCKET), *p.the_reference(disk, SOCKET)])
    bench.compare("1 ext4, warm, socket", samples, "ours → socket", "reference → socket", least=0)


def make_image(programs, disk, out):
    subprocess.run([programs.ours, disk], stdout=out, check=True)


def first_byte(bench):
    """2: how long until something comes?"""
    p, disk = bench.programs, bench.disks.path("ext4")
    bench.runner.warm(disk)
    cells = [p.us(disk, DISCARD), *p.the_reference(disk, DISCARD), p.floor_probes(disk)]
    samples = bench.run("warm, first byte", cells, check=("ext4", disk))
    what, key = "2 ext4, warm, first byte", "first_byte_seconds"
    bench.compare(what, samples, "ours → discard", "reference → discard", key=key, least=8)
    bench.rows.append(Row(what, samples["ours → discard"].median(key), "floor probes, all of it",
                          samples["floor probes"].median(), most=1.3))
    cells = [p.us(disk, DISCARD, "--scan", "holes"),
             Cell("--version", [p.ours, "--version"], NOTHING)]
    samples = bench.run("warm, first byte without a scan", cells, more_rounds=5)
    bench.rows.append(Row("2 the same with --scan holes",
                          samples["ours --scan holes → discard"].median(key), "--version",
                          samples["--version"].median(), most=3))


def cold_pipe(bench):
    """3: how fast from the disk?"""
    p, disk = bench.programs, bench.disks.path("ext4")
    cells = [p.us(disk, CAT), *p.the_reference(disk, CAT), *p.qemu(disk, CAT),
             p.floor_read(disk, "buffered")]
    if can_read_direct(disk):
        cells.append(p.floor_read(disk, "direct"))
    samples = bench.run("cold, pipe to cat", cells, check=("ext4", disk), cold=True)
    what = "3 ext4, cold, pipe to cat"
    bench.compare(what, samples, "ours → cat", "reference → cat", most=0.6)
    bench.compare(what, samples, "ours → cat", "qemu-img + cat → cat")
    floors = [label for label in samples if label.startswith("floor read")]
    best = min(floors, key=lambda label: samples[label].median())
    bench.compare(what, samples, "ours → cat", best, most=1.25)


def can_read_direct(disk):
    try:
        os.close(os.open(disk, os.O_RDONLY | os.O_DIRECT))
        return True
    except OSError:
        return False


def to_file(bench):
    """4: how fast into a file?"""
    part = 2 * GIB // bench.disks.scale
    if room_in("/dev/shm") < 5 * part // 2 or available_memory() < 3 * part:
        raise Skip("no tmpfs with enough memory")
    source = bench.disks.path("ext4")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="qcow2-to-stdout-bench-", dir="/dev/shm"))
    try:
        disk = directory / "part.raw"
        copy_part(source, disk, part)
        compare_files(bench, "a part of ext4", disk, directory / "out", "file on tmpfs",
                      targets=True)
    finally:
        shutil.rmtree(directory)
    disk = bench.disks.directory / "part.raw"
    try:
        copy_part(source, disk, part)
        bench.runner.warm(disk)
        compare_files(bench, "a part of ext4", disk, bench.disks.directory / "out",
                      "file on a disk", targets=False)
    finally:
        disk.unlink(missing_ok=True)


def compare_files(bench, name, disk, out, title, targets):
    p = bench.programs
    cells = [p.us(disk, FILE, files=[out]), *p.the_reference(disk, FILE, files=[out]),
             p.floor_copy(disk, out)]
    samples = bench.run(f"warm, {title}", cells, check=(name, disk) if targets else None)
    what, ours = f"4 {name}, {title}", "ours → file"
    bench.compare(what, samples, ours, "reference → file", least=1.5 if targets else 0)
    bench.compare(what, samples, ours, "floor copy", most=1.1 if targets else None)
    bench.rows.append(Row(what, samples[ours].median(), "floor copy, without its probes",
                          samples["floor copy"].median("copy_seconds")))


def stored_zeros(bench):
    """5: how fast are zeros that are stored?"""
    p, disk = bench.programs, bench.disks.path("zeros")
    bench.runner.warm(disk)
    cells = [p.us(disk, CAT), *p.the_reference(disk, CAT), p.floor_read(disk, "buffered"),
             p.floor_probes(disk)]
    samples = bench.run("warm, 95 % stored zeros", cells, check=("zeros", disk))
    what = "5 zeros, warm, pipe to cat"
    bench.compare(what, samples, "ours → cat", "floor read buffered", most=1.15)
    bench.compare(what, samples, "ours → cat", "floor probes")
    bench.compare(what, samples, "ours → cat", "reference → cat", least=0)


def virtual_size(bench):
    """6: does a large virtual size cost anything?"""
    p = bench.programs
    huge, one = bench.disks.path("huge"), bench.disks.path("one-gib")
    cells = []
    for name, disk in (("15 TiB", huge), ("1 GiB", one)):
        bench.runner.warm(disk)
        cell = p.us(disk, CAT)
        bench.checks.check(name, disk, [cell])
        cell.name = f"ours, {name}"
        cells.append(cell)
    samples = bench.run("warm, virtual size", cells, more_rounds=3)
    bench.rows.append(Row("6 the same data in 15 TiB", samples["ours, 15 TiB → cat"].median(),
                          "in 1 GiB", samples["ours, 1 GiB → cat"].median(), most=1.5))


def growth(bench):
    """7: does the time grow with what is allocated, and with nothing else?"""
    p = bench.programs
    names = [f"growth-gib-{n}" for n in (1, 2, 4, 8)] + [f"growth-tib-{n}" for n in (1, 4, 15)]
    disks, cells = [], []
    for name in names:
        try:
            disk = bench.disks.path(name)
        except Skip as skip:
            bench.notes.append(f"7 {name}: {skip}")
            continue
        bench.runner.warm(disk)
        cell = p.us(disk, CAT)
        cell.name = f"ours, {name}"
        cells.append(cell)
        disks.append((name, disk))
    samples = bench.run("warm, growth", cells)
    for (name, disk), cell in zip(disks, cells):
        measured = bench.checks.measure(disk)
        bench.growth.append((name, measured["virtual-size"], measured["clusters"]["data"],
                             samples[cell.label()].median(),
                             max(samples[cell.label()].all("peak_rss_bytes"))))


def other_disks(bench):
    """8: other kinds of disks, without targets."""
    p = bench.programs
    for name in ("dense", "sparse", "fragmented", "tiny"):
        disk = bench.disks.path(name)
        bench.runner.warm(disk)
        cells = [p.us(disk, CAT), *p.the_reference(disk, CAT), *p.qemu(disk, CAT),
                 p.floor_splice(disk, CAT)]
        samples = bench.run(f"warm, {name}", cells, check=(name, disk))
        what = f"8 {name}, warm, pipe to cat"
        bench.compare(what, samples, "ours → cat", "floor splice → cat")
        bench.compare(what, samples, "ours → cat", "reference → cat", least=0)
        bench.compare(what, samples, "ours → cat", "qemu-img + cat → cat", least=0)


def digest(bench):
    """17: what does a digest cost?"""
    if not shutil.which("sha256sum"):
        raise Skip("sha256sum is not there")
    p, disk = bench.programs, bench.disks.path("ext4")
    bench.runner.warm(disk)
    image = bench.disks.directory / "digest.qcow2"
    try:
        with open(image, "wb") as out:
            subprocess.run([p.ours, disk], stdout=out, check=True)
        bench.runner.warm(image)
        cells = [p.us(disk, CAT, "--digest", "sha256=/dev/null"), p.us(disk, CAT),
                 Cell("sha256sum", ["sha256sum", image], NOTHING)]
        samples = bench.run("warm, a digest", cells)
    finally:
        image.unlink(missing_ok=True)
    what, label = "17 --digest sha256, warm, pipe to cat", cells[0].label()
    bench.compare(what, samples, label, "sha256sum", most=1.1)
    bench.compare(what, samples, label, cells[1].label())


def peak_memory(bench):
    """Of every run of ours that was measured and had no more memory to spend."""
    peaks = [run["peak_rss_bytes"] for run in bench.runner.record
             if run["competitor"].startswith("ours") and "--compress" not in run["competitor"]]
    if peaks:
        bench.rows.append(Row("6 peak memory of any run", max(peaks) / MIB, "64 MiB",
                              MEMORY_TARGET / MIB, most=1, unit="MiB"))


QUESTIONS = {1: warm_pipe, 2: first_byte, 3: cold_pipe, 4: to_file, 5: stored_zeros,
             6: virtual_size, 7: growth, 8: other_disks, 9: qcow2_image, 10: nbd_server,
             11: distant_server, 12: standard_input, 13: long_map, 14: zlib, 15: zstd,
             16: increments, 17: digest, 18: formats, 19: levels, 20: plain, 21: compressed,
             22: device, 23: server, 24: chain, 25: huge,
             26: cold_and_fragmented, 27: compressed_sources, 29: memory_of_huge,
             30: save_manifest, 31: base_manifest, 32: manifest_chunk,
             33: find_free, 34: half_of_files_deleted,
             40: mount, 41: compressed_mount}

# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about disks that are no raw files: other formats, NBD, a stream, and maps."""

import contextlib
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import time

from .bench import Row
from .disks import GIB, MIB, allocated, available_memory, copy_part, room_in
from .runs import CAT, DISCARD, FILE, NOTHING, NULL, Cell, remove
from .servers import nbdkit_command, require, served

MAP_EXTENTS = 1_000_000


def qcow2_image(bench):
    """9: how fast from a qcow2 image, and from a chain of them, read by ourselves?"""
    require("qemu-img", "qemu-nbd", "qemu-storage-daemon", "nbdcopy")
    p, raw = bench.programs, bench.disks.path("ext4")
    image = bench.disks.directory / "ext4.qcow2"
    if not image.exists():
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, image], check=True)
    node = json.dumps({"driver": "qcow2", "file": {"driver": "file", "filename": str(image)}})
    through_qemu = Cell("ours, through QEMU", [p.ours, "--blockdev", node], CAT)
    nbdcopy = Cell("nbdcopy into nothing", ["nbdcopy", "--", "[", "qemu-nbd", "-r", "-f", "qcow2", image, "]", "null:"],
                   NOTHING)
    for disk in (raw, image):
        bench.runner.warm(disk)
    with chain_of(bench, raw) as chain:
        from_chain = p.us(chain, CAT, "-f", "qcow2")
        from_chain.name = "ours, chain of 5"
        cells = [p.us(raw, CAT), p.us(image, CAT, "-f", "qcow2"), from_chain, through_qemu, nbdcopy]
        bench.checks.check("ext4", raw, cells)
        samples = bench.run("warm, qcow2 image, pipe to cat", cells)
    what, ours = "9 qcow2 image, warm, pipe to cat", "ours -f qcow2 → cat"
    bench.compare(what, samples, ours, "ours → cat", most=1.2)
    bench.compare(what, samples, ours, through_qemu.label(), least=3)
    bench.compare(what, samples, ours, nbdcopy.label(), least=2)
    bench.compare("9 chain of 5 images", samples, from_chain.label(), ours, most=1.3)
    first_byte_of_qcow2(bench, raw, image)


def first_byte_of_qcow2(bench, raw, image):
    p, key = bench.programs, "first_byte_seconds"
    cells = [p.us(image, DISCARD, "-f", "qcow2"), p.us(raw, DISCARD),
             p.us(image, DISCARD, "--scan", "holes", "-f", "qcow2"), Cell("--version", [p.ours, "--version"], NOTHING)]
    samples = bench.run("warm, qcow2 image, first byte", cells, more_rounds=5)
    bench.compare("9 qcow2 image, warm, first byte", samples, "ours -f qcow2 → discard", "ours → discard", key=key,
                  most=1.5)
    bench.rows.append(Row("9 the same with --scan holes",
                          samples["ours --scan holes -f qcow2 → discard"].median(key), "--version",
                          samples["--version"].median(), most=3))


@contextlib.contextmanager
def chain_of(bench, raw, images=5, piece=MIB):
    """The disk as a chain of images, each of which holds every fifth piece of it. Gives the topmost one."""
    directory = bench.disks.directory
    names = [directory / f"link-{n}.qcow2" for n in range(images)]
    listed = directory / "link.json"
    try:
        for n, name in enumerate(names):
            starts = range(n * piece, raw.stat().st_size, images * piece)
            listed.write_text(json.dumps([{"offset": start, "length": piece, "exists": "true"} for start in starts]))
            how = ["--map", listed] if n == 0 else ["--changed-map", listed, "-B", names[n - 1], "-F", "qcow2"]
            with open(name, "wb") as out:
                subprocess.run([bench.programs.ours, "-q", *how, raw], check=True, stdout=out)
            bench.runner.warm(name)
        yield names[-1]
    finally:
        for path in (*names, listed):
            path.unlink(missing_ok=True)


def formats(bench):
    """18: what of other formats that QEMU reads?"""
    require("qemu-img", "qemu-storage-daemon")
    p, directory = bench.programs, bench.disks.directory
    part, out = directory / "part.raw", directory / "out.qcow2"
    images = {form: directory / f"part.{form}" for form in ("qcow2", "vmdk", "vdi", "vhdx")}
    try:
        copy_part(bench.disks.path("ext4"), part, 2 * GIB // bench.disks.scale)
        cells, pairs = [p.us(part, FILE, files=[out])], []
        cells[0].name = "ours, raw"
        for form, image in images.items():
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", form, part, image], check=True)
            bench.runner.warm(image)
            ours = p.us(image, FILE, "-f", form, files=[out])
            theirs = Cell(f"qemu-img convert -f {form}",
                          ["qemu-img", "convert", "-f", form, "-O", "qcow2", image, out], NOTHING, files=[out])
            cells += [ours, theirs]
            pairs.append((form, ours.label(), theirs.label()))
        bench.runner.warm(part)
        samples = bench.run("warm, formats", cells)
    finally:
        for path in (part, *images.values()):
            path.unlink(missing_ok=True)
    for form, ours, theirs in pairs:
        bench.compare(f"18 {form} to a file", samples, ours, theirs, least=0)


def nbd_server(bench):
    """10: how fast from an NBD server on this machine?"""
    require("nbdkit", "nbdcopy")
    p, disk = bench.programs, bench.disks.path("ext4")
    bench.runner.warm(disk)
    with served(nbdkit_command, disk) as uri:
        cells = [p.us_nbd(uri, CAT), p.us_nbd(uri, CAT, "--connections", "8"),
                 p.us_nbd(uri, CAT, "--connections", "1"), p.nbdcopy(uri, "-", CAT),
                 p.floor_nbd_copy(uri, CAT)]
        bench.checks.check("ext4", disk, [p.us(disk, CAT), *cells])
        samples = bench.run("warm, NBD server, pipe to cat", cells)
    what = "10 NBD server, warm, pipe to cat"
    for other, target in (("nbdcopy", 1), ("floor nbd-copy", 1.15),
                          ("ours --connections 8 URI", None), ("ours --connections 1 URI", None)):
        bench.compare(what, samples, "ours URI → cat", f"{other} → cat", most=target)


def distant_server(bench):
    """11: how fast from a server that answers after 5 ms?"""
    require("nbdkit")
    p, disk = bench.programs, bench.disks.path("distant")
    bench.runner.warm(disk)
    one = ("--connections", "1", "--requests", "1")
    with served(nbdkit_command, disk, delay="5ms") as uri:
        cells = [p.us_nbd(uri, CAT), p.us_nbd(uri, CAT, *one),
                 p.floor_nbd_copy(uri, CAT, "4", "16")]
        bench.checks.check("distant", disk, [p.us(disk, CAT), *cells])
        samples = bench.run("NBD server, 5 ms away", cells)
    what = "11 NBD server, 5 ms away"
    bench.compare(what, samples, "ours URI → cat", f"ours {' '.join(one)} URI → cat", least=20)
    bench.compare(what, samples, "ours URI → cat", "floor nbd-copy → cat", most=1.5)


def standard_input(bench):
    """12: how fast from a pipe, and what is kept meanwhile?"""
    disk = bench.disks.path("ext4")
    bench.runner.warm(disk)
    needed = allocated(disk) + GIB
    if available_memory() > 2 * needed and room_in("/dev/shm") > needed:
        with tempfile.TemporaryDirectory(prefix="qcow2-to-stdout-bench-", dir="/dev/shm") as memory:
            compare_keeping(bench, disk, pathlib.Path(memory), "kept in tmpfs", most=1.1)
    else:
        bench.notes.append("12: not measured in tmpfs, which has too little memory")
    compare_keeping(bench, disk, bench.disks.directory, "kept on a disk")


def compare_keeping(bench, disk, directory, where, **target):
    p, kept = bench.programs, directory / "kept.raw"
    stream = 'cat "$1" | "$2" --quiet --spool-dir "$3" -'
    by_hand = 'cat "$1" | cp --sparse=always /dev/stdin "$3" && "$2" "$3" && rm "$3"'
    cells = [Cell("ours, standard input",
                  ["sh", "-c", stream, "sh", disk, p.ours, directory], CAT),
             Cell("cp --sparse=always, ours",
                  ["sh", "-c", by_hand, "sh", disk, p.ours, kept], CAT, files=[kept])]
    bench.checks.check("ext4", disk, [p.us(disk, CAT), *cells])
    samples = bench.run(f"standard input, {where}", cells)
    what = f"12 standard input, {where}"
    bench.compare(what, samples, cells[0].label(), cells[1].label(), **target)
    ours, theirs = spool_peak(p, disk, directory), sparse_copy_size(disk, kept)
    bench.rows.append(Row(f"{what}: space", ours / MIB, "cp --sparse=always", theirs / MIB,
                          most=1.01, unit="MiB"))


def spool_peak(programs, disk, directory):
    """The most bytes that the spool file had: it has no name, so it is seen through /proc."""
    peak = 0
    with open(disk, "rb") as file, \
            subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat, \
            subprocess.Popen([programs.ours, "-q", "--spool-dir", directory, "-"], stdin=cat.stdout,
                             stdout=subprocess.DEVNULL) as ours:
        cat.stdout.close()
        while ours.poll() is None:
            peak = max(peak, nameless_bytes(ours.pid))
            time.sleep(0.01)
    if ours.returncode != 0:
        sys.exit("bench: ours failed with standard input")
    return peak


def nameless_bytes(pid):
    """What all open files of the process take that have no name."""
    sizes = {}
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            status = os.stat(entry.path)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                sizes[status.st_ino] = status.st_blocks * 512
    except OSError:
        pass  # ended, or closed it
    return sum(sizes.values())


def sparse_copy_size(disk, copy):
    script = 'cat "$1" | cp --sparse=always /dev/stdin "$2"'
    try:
        subprocess.run(["sh", "-c", script, "sh", disk, copy], check=True)
        return allocated(copy)
    finally:
        remove([copy])


def long_map(bench):
    """13: what does a map of a million extents cost?"""
    p, cluster, count = bench.programs, 65536, MAP_EXTENTS // bench.disks.scale
    directory = bench.disks.directory
    disk = directory / "mapped.raw"
    with open(disk, "wb") as file:
        file.truncate(count * cluster)
    load = "import json, sys; json.load(open(sys.argv[1]))"
    for form, entry in (("plain list", plain_entry), ("of qemu-img", qemu_entry)):
        path = directory / f"map {form}.json".replace(" ", "-")
        write_map(path, count, lambda i, entry=entry: entry(i, cluster))
        bench.runner.warm(path)
        cells = [p.us(disk, NOTHING, "--measure", "--scan", "holes", "--map", path.name),
                 Cell("json.load", [sys.executable, "-c", load, path], NOTHING),
                 p.floor_read(path, "buffered")]
        cells[0].name, cells[0].command[-2] = f"ours, map {form}", path
        samples = bench.run(f"map, {form}", cells)
        what = f"13 map of {count} extents, {form}"
        bench.compare(what, samples, cells[0].name, "json.load", most=1)
        bench.compare(what, samples, cells[0].name, "floor read buffered")
        peaks = [max(samples[cell.name].all("peak_rss_bytes")) / MIB for cell in cells]
        bench.rows.append(Row(f"{what}, peak memory", peaks[0], "json.load", peaks[1], most=1,
                              unit="MiB"))


def plain_entry(i, cluster):
    return f'{{"offset": {i * cluster}, "length": {cluster // 2}}}'


def qemu_entry(i, cluster):
    data = "true" if i % 2 == 0 else "false"
    zero = "false" if i % 2 == 0 else "true"
    return (f'{{ "start": {i * cluster}, "length": {cluster}, "depth": 0, "present": true, '
            f'"zero": {zero}, "data": {data}}}')


def write_map(path, count, entry):
    with open(path, "w", encoding="ascii") as file:
        file.write("[" + ",\n".join(entry(i) for i in range(count)) + "]\n")

# SPDX-License-Identifier: GPL-2.0-or-later
"""More questions about the other half: devices, servers, chains, and very large disks."""

import contextlib
import os
import random
import re
import shutil
import subprocess

from . import Skip
from .bench import Row
from .disks import GIB, MIB, allocated, copy_part
from .restoring import check_restored, from_pipe, ours
from .runs import NOTHING, Cell
from .servers import require, served

INCREMENTS = 10
OUT = "restored.raw"


@contextlib.contextmanager
def plain_image(bench, name):
    """The image of one of the disks, warm."""
    image = bench.disks.directory / f"{name}.qcow2"
    try:
        with open(image, "wb") as made:
            subprocess.run([bench.programs.ours, "-q", bench.disks.path(name)], stdout=made, check=True)
        bench.runner.warm(image)
        yield image
    finally:
        image.unlink(missing_ok=True)


@contextlib.contextmanager
def file_of(directory, size):
    path = directory / "target.raw"
    try:
        with open(path, "wb") as file:
            file.truncate(size)
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def loop_device(path):
    require("losetup")
    if os.geteuid() != 0:
        raise Skip("loop devices need root")
    device = subprocess.run(["losetup", "-f", "--show", path], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def writable_server(disk, socket):
    return ["nbdkit", "-f", "-U", socket, "file", disk]


def onto(bench, image, target, name):
    """Ours, where the target stays."""
    cell = ours(bench, image, target)
    cell.files = []
    cell.name = name
    return cell


def device(bench):
    """22: how fast onto a device?"""
    disk = bench.disks.path("ext4")
    with plain_image(bench, "ext4") as image, file_of(bench.disks.directory, os.path.getsize(disk)) as backing:
        with loop_device(backing) as target:
            dd = from_pipe("dd of the image", image, target, "dd", "bs=1M", "iflag=fullblock", "conv=fsync", "status=none",
                           f"of={target}")
            dd.files = []
            samples = bench.run("restore, plain image, loop device", [onto(bench, image, target, "ours"), dd])
            bench.compare("22 plain image from a pipe to a loop device", samples, "ours", "dd of the image", most=1.15)
            same_content(bench, image, target)


def server(bench):
    """23: and onto an NBD server?"""
    require("nbdkit", "nbdcopy")
    disk = bench.disks.path("ext4")
    with plain_image(bench, "ext4") as image, file_of(bench.disks.directory, os.path.getsize(disk)) as backing:
        with served(writable_server, backing) as uri:
            copy = from_pipe("nbdcopy of the image", image, uri, "nbdcopy", "--flush", "--", "-", uri)
            copy.files = []
            samples = bench.run("restore, plain image, NBD", [onto(bench, image, uri, "ours"), copy])
            bench.compare("23 plain image from a pipe to an NBD server", samples, "ours", "nbdcopy of the image", most=1.15)
            same_content(bench, image, uri)


def same_content(bench, image, target):
    subprocess.run([bench.programs.ours_back, "-q", target, "-i", image], check=True)
    subprocess.run([bench.programs.ours_back, "-q", "--compare", "-i", image, target], check=True)


def make_chain(bench, directory, raw):
    """A full image and increments; each changes a part of what is there, some of it again."""
    copy_part(bench.disks.path("ext4"), raw, 4 * GIB // bench.disks.scale)
    size, lots = os.path.getsize(raw), random.Random(1)
    links = []
    for number in range(INCREMENTS + 1):
        link = directory / f"link{number}.qcow2"
        if links:
            with open(raw, "r+b") as file:
                for _ in range(64 // bench.disks.scale or 1):
                    file.seek(lots.randrange(size // 2 // MIB) * MIB)
                    file.write(lots.randbytes(MIB))
        base = ["-B", links[-1].name, "-F", "qcow2", "--base", links[-1], "--base-format", "qcow2"] if links else []
        with open(link, "wb") as made:
            subprocess.run([bench.programs.ours, "-q", *base, raw], stdout=made, check=True)
        links.append(link)
    return links


def chain(bench):
    """24: a full image and ten increments?"""
    require("qemu-img")
    directory = bench.disks.directory / "chain"
    directory.mkdir(exist_ok=True)
    try:
        raw, out = directory / "part.raw", directory / OUT
        links = make_chain(bench, directory, raw)
        for link in links:
            bench.runner.warm(link)
        inputs = [word for link in links for word in ("-i", link)]
        mine = Cell("ours", [bench.programs.ours_back, "-q", *inputs, out], NOTHING, files=[out])
        theirs = Cell("qemu-img convert -W -m 16", ["sh", "-c", 'qemu-img convert -W -m 16 -f qcow2 -O raw "$1" "$2" && sync "$2"',
                                                    "sh", links[-1], out], NOTHING, files=[out])
        samples = bench.run("restore, a chain", [mine, theirs])
        what = f"24 a chain of {len(links)} images to a file"
        bench.compare(what, samples, "ours", theirs.label(), least=0)
        bench.compare(f"{what}: CPU", samples, "ours", theirs.label(), key="cpu_seconds", least=0)
        done = subprocess.run([bench.programs.ours_back, "--verbose", *inputs, out], stderr=subprocess.PIPE, text=True, check=True)
        subprocess.run(["cmp", raw, out], check=True)
        written = int(re.search(r": (\d+) written", done.stderr).group(1))
        bench.rows.append(Row(f"{what}: bytes written", written / MIB, "what the disk holds", allocated(out) / MIB, most=1.02,
                              unit="MiB"))
    finally:
        shutil.rmtree(directory)


def huge(bench):
    """25: does a very large disk with little in it take longer?"""
    out = bench.disks.directory / OUT
    with plain_image(bench, "huge") as large, plain_image(bench, "one-gib") as small:
        cells = []
        for name, image in (("15 TiB", large), ("1 GiB", small)):
            cell = ours(bench, image, out)
            cell.name = f"ours, {name}"
            cells.append(cell)
        check_restored(bench, small, bench.disks.path("one-gib"), out)
        samples = bench.run("restore, 128 MiB of data", cells, more_rounds=3)
        what = "25 128 MiB of data of 15 TiB, from a pipe to a file"
        bench.compare(what, samples, "ours, 15 TiB", "ours, 1 GiB", most=1.5)
        peak = max(samples["ours, 15 TiB"].all("peak_rss_bytes")) / MIB
        bench.rows.append(Row(f"{what}: peak memory", peak, "64 MiB", 64, most=1, unit="MiB"))

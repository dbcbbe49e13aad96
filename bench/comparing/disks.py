# SPDX-License-Identifier: GPL-2.0-or-later
"""The disks to measure with. Each is made once, when it is first asked for, and kept."""

import errno
import os
import random
import shutil
import stat
import subprocess
import sys
import time

from . import Skip

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
CLUSTER = 64 * KIB

# Where the files of the ext4 disk come from, until there are enough of them.
SOURCES = ("/usr/lib", "/usr/share", "/usr/bin", "/usr/local", "/opt", "/var/lib")


def spread(size, data, run):
    """`data` bytes in runs of `run` bytes at even distances over `size` bytes."""
    runs = max(1, data // run)
    distance = size // runs // CLUSTER * CLUSTER
    return [(i * distance, run) for i in range(runs)]


def scattered(size, data):
    """The same number of runs for any virtual size: 2 MiB each, as files have them."""
    return spread(size, data, 2 * MIB)


def data_extents(fd):
    """(begin, end) of what the file system says is data."""
    end = 0
    while True:
        try:
            begin = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(fd, begin, os.SEEK_HOLE)
        yield begin, end


def allocated(path):
    return os.stat(path).st_blocks * 512


def has_holes(path):
    return allocated(path) < os.stat(path).st_size


def available_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def room_in(directory):
    """Free bytes; none where there is no such directory."""
    if not os.path.isdir(directory):
        return 0
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


def require_room(directory, wanted):
    room = room_in(directory)
    if room < wanted:
        raise Skip(f"{wanted / GIB:.1f} GiB are needed on the file system of the data, "
                   f"{room / GIB:.1f} GiB are free")


class Disks:
    """`image` stands in for the ext4 disk; `quick` makes all a sixteenth of their size."""

    def __init__(self, directory, image=None, quick=False):
        self.directory = directory / "quick" if quick else directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.image = image
        self.scale = 16 if quick else 1
        self.block = None

    def path(self, name):
        if name == "ext4" and self.image is not None:
            return self.image
        path = self.directory / f"{name}.raw"
        if not path.exists():
            self.make(name, path)
        return path

    def make(self, name, path):
        began = time.monotonic()
        print(f"making the disk {name}", file=sys.stderr, flush=True)
        unfinished = path.with_suffix(".unfinished")
        try:
            if name == "ext4":
                self.make_ext4(unfinished)
            else:
                self.make_runs(name, unfinished)
            os.sync()
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
        print(f"  {allocated(path) / MIB:.0f} MiB allocated, {time.monotonic() - began:.0f} s",
              file=sys.stderr)

    # --- disks of runs ---

    def runs_of(self, name):
        """(size, data runs, whether zeros are stored) of a disk."""
        n = self.scale
        little = 128 * MIB // n
        if name.startswith("growth-gib-"):
            size = int(name.rpartition("-")[2]) * GIB // n
            return size, spread(size, size // 2, 2 * MIB), False
        if name.startswith("growth-tib-"):
            size = int(name.rpartition("-")[2]) * TIB
            return size, scattered(size, little), False
        return {
            "dense": lambda: (2 * GIB // n, [(0, 2 * GIB // n)], False),
            "sparse": lambda: (4 * GIB // n, spread(4 * GIB // n, 4 * GIB // n // 20, MIB), False),
            "fragmented": lambda: (2 * GIB // n, spread(2 * GIB // n, GIB // n, CLUSTER), False),
            "zeros": lambda: (8 * GIB // n,
                              spread(8 * GIB // n, 8 * GIB // n // 20, 8 * MIB), True),
            "huge": lambda: (15 * TIB, scattered(15 * TIB, little), False),
            "one-gib": lambda: (GIB, scattered(GIB, little), False),
            "tiny": lambda: (MIB, [(0, MIB)], False),
            "distant": lambda: (2 * little, spread(2 * little, little, MIB), False),
        }[name]()

    def make_runs(self, name, path):
        size, runs, stored_zeros = self.runs_of(name)
        data = sum(length for _, length in runs)
        require_room(self.directory, (size if stored_zeros else data) + GIB // 4)
        with open(path, "wb", buffering=0) as file:
            try:
                file.truncate(size)
            except OSError as error:
                raise Skip(f"the file system of the data has no room for a file of "
                           f"{size / TIB:.0f} TiB: {error.strerror}") from error
            at = 0
            for begin, length in runs:
                if stored_zeros:
                    self.write(file, at, begin - at, zeros=True)
                self.write(file, begin, length)
                at = begin + length
            if stored_zeros:
                self.write(file, at, size - at, zeros=True)

    def write(self, file, offset, length, zeros=False):
        """Random bytes, the same on every machine; no page of them is all zeros."""
        if self.block is None:
            self.block = random.Random(1).randbytes(16 * MIB)
        block = memoryview(bytes(len(self.block)) if zeros else self.block)
        file.seek(offset)
        while length > 0:
            length -= file.write(block[:min(length, len(block))])

    # --- ext4 ---

    def make_ext4(self, path):
        files = 9 * GIB // 2 // self.scale
        require_room(self.directory, 2 * files + GIB // 4)
        tree = self.directory / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        try:
            fill(tree, files)
            with open(path, "wb") as file:
                file.truncate(8 * GIB // self.scale)
            paths = os.environ["PATH"] + ":/usr/sbin:/sbin"  # for users who are not root
            subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-i", "8192", "-d", tree, path],
                           check=True, env={**os.environ, "PATH": paths})
        finally:
            shutil.rmtree(tree, ignore_errors=True)


def machine_files():
    """(path, size) of regular files of this machine, in an order that does not change."""
    for source in SOURCES:
        for directory, below, names in os.walk(source):
            below.sort()
            for name in sorted(names):
                path = os.path.join(directory, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode) and 0 < status.st_size <= 64 * MIB:
                    yield path, status.st_size


def fill(tree, wanted):
    """Copies files of this machine below `tree`, again and again if there are too few."""
    done = 0
    for turn in range(100):
        before = done
        for path, size in machine_files():
            if done >= wanted:
                return
            copy = f"{tree}/{turn}{path}"
            try:
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(path, copy)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                continue  # gone, or not ours to read
            done += size
        if done == before:
            break
    raise Skip("this machine has no files to fill an ext4 disk with; use --image")


def copy_part(source, target, data):
    """The beginning of a disk, holes as holes, until so many bytes of data are copied."""
    with open(source, "rb", buffering=0) as old, open(target, "wb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        for begin, end in data_extents(old.fileno()):
            end = min(end, begin + data)
            new.seek(begin)
            while begin < end:
                n = os.sendfile(new.fileno(), old.fileno(), begin, min(end - begin, 16 * MIB))
                if n == 0:
                    break
                begin += n
                data -= n
            if data == 0:
                size = end
                break
        new.truncate(size)

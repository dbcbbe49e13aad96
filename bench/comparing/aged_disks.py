# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with a file system in which files were written and deleted. Made on a loop device, so by root, once, and kept."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from . import Skip
from .disks import GIB, MIB, TIB, fill, require_room
from .servers import require

os.environ["PATH"] += ":/usr/sbin:/sbin"

# How each is made, mounted, and looked through.
MAKE = {"ext4": ["mke2fs", "-q", "-F", "-t", "ext4"], "xfs": ["mkfs.xfs", "-q", "-f"]}
# Nothing is to be written to the tables of a large ext4 in the background.
MOUNT = {"ext4": "loop,noinit_itable", "xfs": "loop,nouuid"}
CHECK = {"ext4": ["e2fsck", "-fn"], "xfs": ["xfs_repair", "-n"]}

# A large one: files that take space and hold no data, every other of which is deleted.
LARGE_FILES, LARGE_FILE = 20000, 32 * MIB
LARGE_FOLDERS = 200


@contextlib.contextmanager
def mounted(path, options):
    if os.geteuid() != 0:
        raise Skip("only root can mount")
    require("mount", "umount")
    with tempfile.TemporaryDirectory(prefix="qcow2-to-stdout-bench-") as folder:
        done = subprocess.run(["mount", "-o", options, path, folder], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"nothing can be mounted here: {done.stderr.strip()}")
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def made(disks, name, size, kind, options, live):
    """The path of the disk `name`, in which `live(folder)` has written and deleted."""
    path = disks.directory / f"{name}.raw"
    if path.exists():
        return path
    require(MAKE[kind][0])
    began = time.monotonic()
    print(f"making the disk {name}", file=sys.stderr, flush=True)
    unfinished = path.with_suffix(".unfinished")
    try:
        with open(unfinished, "wb") as file:
            file.truncate(size)
        subprocess.run([*MAKE[kind], *options, unfinished], check=True)
        with mounted(unfinished, MOUNT[kind]) as folder:
            live(folder)
        os.sync()
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr)
    return path


def large(disks, name, kind, options):
    """1 TiB, about a third of which is used, in files that lie apart. All of it is holes but the metadata."""
    files = LARGE_FILES // disks.scale

    def live(folder):
        for n in range(LARGE_FOLDERS):
            (folder / str(n)).mkdir()
        paths = [folder / str(n % LARGE_FOLDERS) / str(n) for n in range(files)]
        for path in paths:
            with open(path, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, LARGE_FILE)
        for path in paths[::2]:
            path.unlink()

    require_room(disks.directory, 2 * GIB)
    return made(disks, name, TIB, kind, options, live)


def half_deleted(disks, kind):
    """Files of this machine, every other of which is deleted."""
    data = 3 * GIB // disks.scale

    def live(folder):
        fill(folder / "tree", data)
        os.sync()
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in paths[::2]:
            path.unlink()

    require_room(disks.directory, 2 * data)
    return made(disks, f"half-{kind}", 8 * GIB // disks.scale, kind, [], live)


def same_files(kind, disk, other):
    """Whether the other disk is sound and has all the files of the disk."""
    if subprocess.run([*CHECK[kind], other], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        return False
    options = "loop,ro,nouuid" if kind == "xfs" else "loop,ro"
    with mounted(disk, options) as one, mounted(other, options) as two:
        return subprocess.run(["diff", "-rq", "--no-dereference", one, two], stdout=subprocess.DEVNULL,
                              check=False).returncode == 0

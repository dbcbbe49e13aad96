# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about the image as a file that is mounted."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from . import Skip
from .bench import Row
from .disks import MIB
from .runs import DISCARD, NOTHING, Cell, require_cold
from .servers import PATIENCE, require
from .smaller_images import compressed_part

READERS = 8
ONE_AFTER_THE_OTHER = 'dd if="$1" of=/dev/null bs=1M status=none'
AT_ONCE = f"""
pieces=$(( ($(stat -L -c %s "$1") + 1048575) / 1048576 )) each=$(( (pieces + {READERS - 1}) / {READERS} ))
for reader in $(seq 0 {READERS - 1}); do
    dd if="$1" of=/dev/null bs=1M skip=$((reader * each)) count=$each status=none &
done
wait
"""
# What the kernel has kept of the mounted file goes; what it has of the disk behind that stays.
FORGET = 'dd if="$1" iflag=nocache count=0 of=/dev/null status=none; '


def require_fuse():
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise Skip("/dev/fuse cannot be used")
    require("fusermount3")


@contextlib.contextmanager
def directory_to_mount_on():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="qcow2-to-stdout-bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def mounted(programs, disk, *options):
    """Gives the path of the image and the process."""
    with directory_to_mount_on() as directory:
        command = [programs.ours, "--mount", directory, *options, disk]
        with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True) as process:
            try:
                path = process.stdout.readline().rstrip("\n")
                if not path:
                    sys.exit("bench: the image could not be mounted")
                yield path, process
            finally:
                process.terminate()


@contextlib.contextmanager
def exported_by_qemu(image):
    """QEMU's own export, of the ready image, as a file that holds the same bytes."""
    with directory_to_mount_on() as directory:
        path = directory / "image"
        path.touch()
        node = {"driver": "file", "node-name": "image", "filename": str(image), "read-only": True}
        export = {"type": "fuse", "id": "export", "node-name": "image", "mountpoint": str(path)}
        command = ["qemu-storage-daemon", "--blockdev", json.dumps(node),
                   "--export", json.dumps(export)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                end = time.monotonic() + PATIENCE
                while path.stat().st_size != image.stat().st_size:
                    if process.poll() is not None or time.monotonic() > end:
                        raise Skip("qemu-storage-daemon cannot export through FUSE here")
                    time.sleep(0.01)
                yield path
            finally:
                process.terminate()


def peak_of(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def readers_of(files, script, forget):
    return [Cell(name, ["sh", "-c", (FORGET if forget else "") + script, "sh", path], NOTHING)
            for name, path in files]


def mount(bench):
    """40: how fast is the mounted image read?"""
    require_fuse()
    require("qemu-storage-daemon")
    p, disk = bench.programs, bench.disks.path("ext4")
    image = bench.disks.directory / "mounted.qcow2"
    try:
        with open(image, "wb") as out:
            subprocess.run([p.ours, disk], stdout=out, check=True)
        with mounted(p, disk) as (ours, process), exported_by_qemu(image) as theirs:
            files = [("ours, mounted", ours), ("qemu-storage-daemon", theirs),
                     ("the ready image", image)]
            compare_mounted(bench, files, disk, image)
            bench.rows.append(Row("40 peak memory of the mount", peak_of(process) / MIB, "64 MiB",
                                  64, most=1, unit="MiB"))
    finally:
        image.unlink(missing_ok=True)
    until_first_byte(bench, disk)


def compare_mounted(bench, files, disk, image):
    for how, script in (("one reader", ONE_AFTER_THE_OTHER), (f"{READERS} readers", AT_ONCE)):
        for path in (disk, image):
            bench.runner.warm(path)
        samples = bench.run(f"warm, mounted, {how}", readers_of(files, script, True))
        ours, theirs, plain = (name for name, _ in files)
        what = f"40 ext4, mounted, warm, {how}"
        bench.compare(what, samples, ours, theirs, least=2)
        bench.compare(what, samples, ours, plain)
        try:
            require_cold()
        except Skip:
            continue
        samples = bench.run(f"cold, mounted, {how}", readers_of(files, script, False), cold=True)
        what = f"40 ext4, mounted, cold, {how}"
        bench.compare(what, samples, ours, theirs)
        bench.compare(what, samples, ours, plain, most=1.15)


def with_command(programs, disk, directory, command, *options):
    name = " ".join(("ours --mount", *options))
    return Cell(name, [programs.ours, "--mount", directory, *options, "--run", command, disk],
                NOTHING)


def until_first_byte(bench, disk):
    with directory_to_mount_on() as directory:
        first = 'head -c 1 "$image" >/dev/null'
        cells = [with_command(bench.programs, disk, directory, first),
                 bench.programs.us(disk, DISCARD)]
        samples = bench.run("warm, mounted, first byte", cells, more_rounds=3)
        bench.rows.append(Row("40 ext4, mounted, warm, until the first byte and away again",
                              samples[cells[0].label()].median(), "ours → discard, first byte",
                              samples[cells[1].label()].median("first_byte_seconds")))


def compressed_mount(bench):
    """41: what does a compressed image cost that is mounted, beside one that is streamed?"""
    require_fuse()
    p = bench.programs
    with compressed_part(bench) as part, directory_to_mount_on() as directory:
        for options in (("--compress=zstd",), ("--compress=zlib",)):
            cells = [with_command(p, part, directory, 'cat "$image" >/dev/null', *options),
                     p.us(part, DISCARD, *options)]
            samples = bench.run(f"warm, mounted, {options[0]}", cells)
            bench.compare(f"41 {options[0]}, mounted", samples, cells[0].label(),
                          cells[1].label(), most=1.1)

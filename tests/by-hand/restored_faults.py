#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: restored_faults.py [--kills N] [--seed S] [--table TABLE]...

What goes wrong while qcow2-from-stdin runs, and what it says and leaves behind then. TABLE is stream, target or kill; by
default all. TARGET held a valid disk before, with a partition table of type GPT and a file system: whatever fails, it must
not look like a disk afterwards, unless nothing was written. The environment names the programs (QCOW2_TO_STDOUT,
QCOW2_FROM_STDIN). The status is 1 if a line is wrong, 77 if nothing can be tested here.
"""

import argparse
import errno
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "helpers"))

from volatile_nbd import Server, VolatileDisk  # noqa: E402

MIB = 1 << 20
SIZE = 24 * MIB
TO_STDOUT = os.path.realpath(os.environ["QCOW2_TO_STDOUT"])
FROM_STDIN = os.environ.get("QCOW2_FROM_STDIN") or os.path.join(os.path.dirname(TO_STDOUT), "qcow2-from-stdin")
UNOPENED = ("is read-only", "lets nobody write")
NEEDED = ("sfdisk", "blkid", "wipefs", "mke2fs", "losetup")


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=False, capture_output=True, **options)


def must(*command, **options):
    result = run(*command, **options)
    if result.returncode:
        sys.exit(f"{command[0]}: {result.stderr.decode()}")
    return result.stdout


def make_disk(path, seed):
    """A GPT with one partition that is a file system, and data that is nowhere zeros."""
    lots = random.Random(seed)
    path.write_bytes(b"")
    os.truncate(path, SIZE)
    must("sfdisk", "-q", path, input=b"label: gpt\n2048,32768,L\n34816,,L\n")
    part = path.with_suffix(".part")
    part.write_bytes(lots.randbytes(16 * MIB))
    must("mke2fs", "-q", "-F", "-t", "ext4", "-E", "nodiscard,lazy_itable_init=0", part)
    with open(path, "r+b") as disk:
        disk.seek(MIB)
        disk.write(part.read_bytes())
        disk.write(lots.randbytes(SIZE - 18 * MIB))
    return path.read_bytes()


def signs_of_a_disk(content, directory):
    """What programs find in these bytes that look for disks."""
    path = directory / "looked-at"
    path.write_bytes(content)
    found = {"blkid": run("blkid", "-p", "-o", "export", path).stdout.decode().strip(),
             "wipefs": run("wipefs", "--no-headings", path).stdout.decode().strip()}
    if shutil.which("sgdisk"):
        # It makes a table in its memory where there is none, and says so.
        printed = run("sgdisk", "-p", path)
        lines = [line for line in printed.stdout.decode().splitlines() if line.lstrip()[:1].isdigit()]
        found["sgdisk"] = "\n".join(lines)
    return {name: text for name, text in found.items() if text}


class Table:
    def __init__(self, directory, old, new):
        self.directory, self.old, self.new = directory, old, new
        self.wrong = 0

    def line(self, name, is_right, text):
        self.wrong += 0 if is_right else 1
        print(f"{'ok   ' if is_right else 'WRONG'} {name}: {text}", flush=True)

    def restored(self, name, image, target, held, *options, status, words, **more):
        """One restore that has to fail. `held()` gives what the target holds afterwards."""
        result = run(FROM_STDIN, *options, target, input=image, timeout=120, **more)
        said = result.stderr.decode().strip()
        last = said.splitlines()[-1] if said else ""
        problems = []
        if result.returncode not in status:
            problems.append(f"status {result.returncode}, not {status}")
        if not any(word in last for word in words):
            problems.append(f"not said: {words}")
        content = held()
        if content is not None:
            signs = {} if content == self.old else signs_of_a_disk(content, self.directory)
            if signs:
                problems.append(f"looks like a disk: {signs}")
            # Where the first write fails, nobody knows; and where it cannot be opened, nothing need be said.
            if content == self.old and not any(word in last for word in ("is unchanged", "do not rely", *UNOPENED)):
                problems.append("not said that it is unchanged")
        self.line(name, not problems, f"{result.returncode}, {last[:150]}" if not problems else f"{problems}; {said}")


# --- where a disk is restored to ----------------------------------------------------------------

class Places:
    """Each gives, with the content of a disk, a target's name and how to look at what it holds."""

    def __init__(self, table):
        self.table = table
        self.backing = table.directory / "backing"

    def new_file(self):
        path = self.table.directory / "new" / "disk.raw"
        path.parent.mkdir(exist_ok=True)

        def held():
            left = os.listdir(path.parent)
            if left:
                self.table.line("what is left behind", False, str(left))
                shutil.rmtree(path.parent)
        return path, held, lambda: None

    def device(self, *options):
        self.backing.write_bytes(self.table.old)
        loop = must("losetup", "-f", "--show", *options, self.backing).decode().strip()
        return loop, self._synced, lambda: must("losetup", "-d", loop)

    def _synced(self):
        os.sync()
        return self.backing.read_bytes()

    def server(self, before=None, read_only=False):
        disk = VolatileDisk(self.table.old)
        server = Server(self.table.directory / "socket", disk, before, read_only)
        return server.uri, lambda: disk.crash(random.Random(1)), server.stop

    def all(self):
        yield "new file", self.new_file
        if os.geteuid() == 0:
            yield "device", self.device
        yield "NBD", self.server


# --- damaged streams ----------------------------------------------------------------------------

def field(image, at, size=8):
    return int.from_bytes(image[at:at + size], "big")


def regions_of(image):
    """Where the first of each kind lies."""
    cluster = 1 << field(image, 20, 4)
    mask = 0x00FFFFFFFFFFFE00
    table, l1 = field(image, 48), field(image, 40)
    l2 = next(field(image, at) & mask for at in range(l1, l1 + 8 * field(image, 36, 4), 8) if field(image, at) & mask)
    regions = {"header": 0, "refcount table": table, "refcount block": field(image, table), "L1 table": l1, "L2 table": l2}
    for at in range(l2, l2 + cluster, 8):
        entry = field(image, at)
        if entry >> 62 & 1:
            bits = 62 - (cluster.bit_length() - 1 - 8)
            regions.setdefault("compressed data", entry & ((1 << bits) - 1))
        elif entry & mask:
            regions.setdefault("data", entry & mask)
    return regions, cluster


def damaged_images(image):
    """Name and bytes, the status that may come, and what may be said."""
    regions, cluster = regions_of(image)
    cut, bad = ([3], ["cut off", "is empty"]), ([1, 3], ["damaged", "cut off", "not once more", "needed once more", "makes no",
                                                        "tables come after", "qcow2"])
    for name, at in regions.items():
        yield f"cut in front of the {name}", image[:at], *cut
        yield f"cut in the {name}", image[:at + cluster // 2 - 3], *(bad if name == "header" else cut)
    yield "cut before the last bytes", image[:-70000], *cut
    changed = {
        "magic": (0, b"XXXX"), "version": (4, struct.pack(">I", 9)), "cluster bits": (20, struct.pack(">I", 40)),
        "L1 offset": (40, struct.pack(">Q", 513)), "size": (24, struct.pack(">Q", (1 << 64) - 512)),
        "L1 table": (regions["L1 table"], struct.pack(">Q", 0x8000000000000200 + cluster)),
        "L1 table, far away": (regions["L1 table"], struct.pack(">Q", 0x80007F0000000000)),
        "L2 table": (regions["L2 table"], struct.pack(">Q", 0x8000000000000200 + cluster)),
        "L2 table, far away": (regions["L2 table"], struct.pack(">Q", 0x80007F0000000000))}
    if "compressed data" in regions:
        changed["compressed data"] = (regions["compressed data"], b"\xff" * 8)
    for name, (at, wrong) in changed.items():
        yield f"damaged: {name}", image[:at] + wrong + image[at + len(wrong):], *bad


def stream_table(table, images):
    for kind, image in images.items():
        for name, bad, status, words in damaged_images(image):
            for place, make in Places(table).all():
                target, held, end = make()
                table.restored(f"{kind}, {name}, {place}", bad, target, held, status=status, words=words)
                end()
        wrong = [FROM_STDIN, "--check", "--expect-digest", "sha256:" + "0" * 64]
        status = run(*wrong, input=image).returncode
        table.line(f"{kind}, another digest, --check", status == 3, str(status))
        for place, make in Places(table).all():
            target, held, end = make()
            table.restored(f"{kind}, another digest, {place}", image, target, held, *wrong[2:], status=[3],
                           words=["another sha256 digest"])
            end()


# --- failing targets ----------------------------------------------------------------------------

def target_table(table, images):
    places = Places(table)
    image = images["plain"]
    if os.geteuid() == 0:
        os.truncate(table.directory / "old", SIZE)
        target, held, end = places.device("--sizelimit", str(SIZE - MIB))
        table.restored("device that is too small", image, target, held, status=[1], words=["too small"])
        end()
        target, held, end = places.device("-r")
        table.restored("device that is read-only", image, target, held, status=[1], words=UNOPENED)
        end()
        full_file_system(table, image)
    target, held, end = places.server(read_only=True)
    table.restored("NBD, read-only", image, target, held, status=[1], words=UNOPENED)
    end()
    for wanted, numbers in (("write", (1, 2, 3, 5, 8, 13)), ("zero", (1, 2, 3)), ("flush", (1, 2, 3, 4))):
        for number in numbers:
            seen = [0]

            def before(name, _offset, _length, wanted=wanted, number=number, seen=seen):
                seen[0] += 1 if name == wanted else 0
                return errno.ENOSPC if name == wanted and seen[0] >= number else 0
            target, held, end = places.server(before)
            name = f"NBD, {wanted} {number} and all later ones fail"
            table.restored(name, image, target, held, status=[1], words=["No space", "no space"])
            end()
    nbdkit_filter(table, image)


def full_file_system(table, image):
    """On a file system that has no room: by the count before the first byte, or in the middle."""
    place = table.directory / "full"
    place.mkdir()
    must("mount", "-t", "tmpfs", "-o", f"size={SIZE // 2}", "none", place)
    try:
        def held():
            left = os.listdir(place)
            if left:
                table.line("what is left behind", False, str(left))
        table.restored("new file, file system full", image, place / "disk.raw", held, status=[1],
                       words=["no room", "No space", "no space", "too small"])
    finally:
        must("umount", place)


def nbdkit_filter(table, image):
    if run("nbdkit", "--filter=error", "null", "--dump-plugin").returncode:
        print("SKIP  nbdkit has no filter for errors")
        return
    for kind in ("pwrite", "zero"):
        backing = table.directory / "served"
        backing.write_bytes(table.old)
        result = run("nbdkit", "--unix", "-", "--filter=error", "file", backing, f"error-{kind}=EIO",
                     f"error-{kind}-rate=30%", "--run", f'cat "$image" | {FROM_STDIN} "$uri"',
                     env={**os.environ, "image": str(table.directory / "image")}, timeout=120)
        content = backing.read_bytes()
        signs = {} if content == table.old else signs_of_a_disk(content, table.directory)
        last = [line for line in result.stderr.decode().splitlines() if line.startswith("qcow2-from-stdin: ")][-1:]
        # Of a few requests it may be that none fails.
        is_right = content == table.new if result.returncode == 0 else result.returncode == 1 and not signs
        table.line(f"nbdkit, 30 % of {kind} fail", is_right, f"{result.returncode} {last} {signs}")


# --- kill -9 ------------------------------------------------------------------------------------

def kill_table(table, images, kills, seed):
    outcomes = {}
    for number in range(seed, seed + kills):
        lots = random.Random(number)
        kind = lots.choice(sorted(images))
        outcome, problem = kill_once(table, images[kind], lots)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if problem:
            table.line(f"kill, seed {number}, {kind}", False, problem)
    text = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    table.line(f"kill -9, seeds {seed} to {seed + kills - 1}", True, text)


def kill_once(table, image, lots):
    """Kills at a random request, before or after it has been done, or a moment later; then the power is lost."""
    disk = VolatileDisk(table.old)
    process = []
    # Often among the first or the last requests, where the ends are written.
    wanted = lots.choice([lots.randrange(0, 12), lots.randrange(0, 60), None])
    flush_wanted = lots.randrange(1, 8) if wanted is None else None
    delay = lots.choice([0, 0, lots.random() * 0.01])
    seen = [0, 0]
    log = []
    started = threading.Event()

    def before(name, offset, length):
        started.wait()
        seen[0] += 1
        seen[1] += 1 if name == "flush" else 0
        log.append((name, offset, length, disk.flushes))
        if seen[0] - 1 == wanted or (name == "flush" and seen[1] == flush_wanted):
            time.sleep(delay)
            process[0].send_signal(signal.SIGKILL)
            process[0].wait()
            return errno.EIO if lots.random() < 0.5 else 0
        return 0

    server = Server(table.directory / "socket", disk, before)
    with subprocess.Popen([FROM_STDIN, server.uri], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        process.append(child)
        started.set()
        try:
            child.stdin.write(image)
            child.stdin.close()
        except BrokenPipeError:
            pass
        child.wait(timeout=60)
    server.stop()
    left = disk.crash(lots)
    if child.returncode == 0:
        return "had ended", None if left == table.new else "status 0 with another content"
    if left == table.old:
        return "unchanged", None
    if left == table.new:
        return "complete", None
    middle = slice(MIB, SIZE - MIB)
    if disk.flushes == 0:
        # The ends are being blanked, and nothing else has been written.
        return "being blanked", None if left[middle] == table.old[middle] else "written to before it was blank"
    signs = signs_of_a_disk(left, table.directory)
    if not signs:
        return "no disk", None
    if left[middle] == table.new[middle] and not any(left[:4096]) and disk.flushes >= 2:
        # Its beginning is the only thing that lacks for certain: the copy of the partition table may be found by
        # programs that repair one.
        return "all but the beginning", None if "blkid" not in signs else f"looks like a disk: {signs}"
    return "looks like a disk", f"{signs} after {log[-3:]}, {disk.flushes} flushes"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0][7:])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1000000))
    parser.add_argument("--table", action="append", choices=["stream", "target", "kill"])
    arguments = parser.parse_args()
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        print(f"SKIP: not installed: {' '.join(missing)}")
        return 77
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        old = make_disk(directory / "old", 1)
        new = make_disk(directory / "new", 2)
        if len(signs_of_a_disk(old, directory)) < 2:
            sys.exit("the disk does not look like one")
        images = {"plain": must(TO_STDOUT, directory / "new"),
                  "compressed": must(TO_STDOUT, "--compress=zstd", directory / "new"),
                  "4 KiB clusters": must(TO_STDOUT, "-c", "4k", directory / "new")}
        (directory / "image").write_bytes(images["plain"])
        os.unlink(directory / "new")
        table = Table(directory, old, new)
        wanted = arguments.table or ["stream", "target", "kill"]
        if "stream" in wanted:
            stream_table(table, images)
        if "target" in wanted:
            target_table(table, images)
        if "kill" in wanted:
            kill_table(table, images, arguments.kills, arguments.seed)
    print(f"{table.wrong} lines are wrong")
    return 1 if table.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

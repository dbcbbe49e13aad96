#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: left_out_xfs.py [--count N] [--seed S] [--flips] [--keep]

Makes N random file systems (200) with mkfs.xfs, fills them with files that are written, deleted, cut off, punched,
linked and fragmented, and asks the program (VOLUMES, tests/tools/volumes.cc) what of each need not be in an image. That
must be less than what `xfs_db -c "freesp -d"` calls free, by the blocks that are kept ready for trees and no others.
Then it is left out (QCOW2_TO_STDOUT --leave-out free, and restored; made zeros where there is no such program):
xfs_repair -n must find nothing wrong, and every file must be there as it was: names, content, attributes. Version 4 and
what this kernel does not mount is filled by mkfs.xfs -p, and compared by the names that xfs_db finds.

In between: copies that were made while the file system was mounted, written to, or frozen, are kept, or nothing that a
replay needs is left out. With --flips: every byte of what is examined of some of them is flipped once
(FLIPPED_XFS, tests/tools/flipped_xfs.cc), and nothing that is in use may be left out then.

Prints a line for each that is wrong, with its seed, and a summary. The status is 1 if one is wrong, 77 if a tool is
missing.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

from file_systems import changed_runs, through_the_program, unmount

MIB = 1 << 20
VOLUMES = os.environ.get("VOLUMES", "volumes")
FLIPPED = os.environ.get("FLIPPED_XFS", "flipped-xfs")


class Wrong(RuntimeError):
    """What must not be."""


def run(*command, check=True):
    done = subprocess.run([str(c) for c in command], check=False, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise Wrong(f"{' '.join(map(str, command))}: {done.stderr.strip()[-300:]}")
    return done


def can_mount(image, folder):
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    done = run("mount", "-o", "loop,nouuid", image, folder, check=False)
    if done.returncode == 0:
        run("umount", folder)
    return done.returncode == 0


class Mounted:
    """A file system that is mounted while the block lasts."""

    def __init__(self, image, folder, options="loop,nouuid", driver=None):
        self.image, self.folder = image, folder
        self.options = [*(["-t", driver] if driver else []), "-o", options]

    def __enter__(self):
        run("mount", *self.options, self.image, self.folder)
        return self.folder

    def __exit__(self, *_):
        unmount(self.image, self.folder)


def random_options(rng, version):
    block = rng.choice([512, 1024, 4096, 4096, 4096] if version == 4 else [1024, 2048, 4096, 4096, 4096])
    options = ["-b", f"size={block}"]
    groups = rng.choice([1, 2, 3, 4, 8])
    size = max(groups * 18, rng.choice([32, 48, 64, 128, 300, 400, 1100])) * MIB + rng.randrange(256) * 4096
    options += ["-d", f"agcount={groups}"]
    if rng.random() < 0.3 and block >= 4096:
        options += ["-s", "size=4096"]
    if rng.random() < 0.2:
        options += ["-n", f"size={rng.choice([s for s in (4096, 8192, 65536) if s >= block])}"]
    if rng.random() < 0.2:
        options += ["-i", f"size={rng.choice([s for s in (512, 1024, 2048) if s * 2 <= block] or [512])}"]
    if block == 512:
        options += ["-i", "size=256"]
    if version == 4:
        options += ["-m", "crc=0", "-n", f"ftype={rng.randrange(2)}"]
        if rng.random() < 0.3:
            options += ["-l", "lazy-count=0"]
    else:
        features = [f"{name}={rng.randrange(2)}" for name in ("finobt", "rmapbt", "reflink", "bigtime")]
        if "finobt=1" in features:
            features.append(f"inobtcount={rng.randrange(2)}")
        options += ["-m", ",".join(features)]
    if rng.random() < 0.2:
        options += ["-L", "a label"]
    return size, options


def fill_by_proto(rng, there):
    """A prototype file for mkfs.xfs."""
    lines = ["/", "0 0", "d--755 0 0"]
    for n in range(rng.randrange(1, 12)):
        source = there / f"source{n}"
        source.write_bytes(rng.randbytes(rng.randrange(1, 600_000)))
        lines.append(f"file{n} ---644 0 0 {source}")
    lines += ["$"]
    (there / "proto").write_text("\n".join(lines) + "\n")
    return there / "proto"


def fill(rng, folder):
    """Work of many kinds in a file system that is mounted."""
    names = []
    for n in range(rng.randrange(20, 250)):
        choice = rng.randrange(12)
        path = folder / f"f{n}"
        try:
            if choice < 5 or not names:
                path.write_bytes(rng.randbytes(rng.choice([0, 10, 5000, 70_000, 700_000])))
                names.append(path)
            elif choice == 5:
                names.pop(rng.randrange(len(names))).unlink()
            elif choice == 6:
                os.truncate(rng.choice(names), rng.randrange(200_000))
            elif choice == 7:
                victim = rng.choice(names)
                run("fallocate", "--punch-hole", "-o", rng.randrange(50_000), "-l", 30_000, victim, check=False)
            elif choice == 8:
                os.link(rng.choice(names), path)
                names.append(path)
            elif choice == 9:
                os.setxattr(rng.choice(names), f"user.a{n}", rng.randbytes(rng.choice([5, 300, 5000])))
            elif choice == 10:
                (folder / f"d{n}").mkdir()
                os.symlink("x" * rng.choice([5, 900]), folder / f"d{n}" / "link")
            else:
                fragment(rng, folder, n, names)
        except OSError:
            pass  # it is full
    for path in names[:: rng.choice([2, 3, 5])]:
        path.unlink(missing_ok=True)


def fragment(rng, folder, n, names):
    """Many small files side by side, of which every other one goes."""
    small = [folder / f"s{n}.{i}" for i in range(rng.randrange(10, 120))]
    for path in small:
        path.write_bytes(rng.randbytes(rng.choice([900, 4096, 9000])))
    run("sync", "-f", folder)
    for path in small[::2]:
        path.unlink()
    names.extend(small[1::2])


def tree(folder):
    """All that a file system has, as a dictionary."""
    found = {}
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(base, name)
            status = os.lstat(path)
            entry = [status.st_mode, status.st_size, status.st_nlink, status.st_uid, status.st_mtime_ns]
            if os.path.islink(path):
                entry.append(os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    entry.append(hashlib.sha256(file.read()).hexdigest())
            if not os.path.islink(path):
                entry.append([(a, os.getxattr(path, a)) for a in sorted(os.listxattr(path))])
            found[os.path.relpath(path, folder)] = entry
    return found


def merged(runs):
    out = []
    for begin, end in sorted(runs):
        if out and begin <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([begin, end])
    return out


def beyond(runs, others):
    """The parts of runs that are in no other; both merged."""
    out, i = [], 0
    for begin, end in runs:
        while begin < end:
            while i < len(others) and others[i][1] <= begin:
                i += 1
            if i == len(others) or others[i][0] >= end:
                out.append((begin, end))
                break
            if others[i][0] > begin:
                out.append((begin, others[i][0]))
            begin = others[i][1]
    return out


def geometry(image):
    text = run("xfs_db", "-r", "-c", "sb 0", "-c", "p blocksize agblocks agcount", image).stdout
    return [int(n) for n in re.findall(r"= (\d+)", text)]


def free_by_xfs_db(image):
    block, group_blocks, _ = geometry(image)
    text = run("xfs_db", "-r", "-c", "freesp -d", image).stdout
    runs = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and all(w.isdigit() for w in words):
            group, begin, count = map(int, words)
            at = (group * group_blocks + begin) * block
            runs.append((at, at + count * block))
    return merged(runs)


def ready_blocks(image):
    block, group_blocks, groups = geometry(image)
    ready = []
    for group in range(groups):
        text = run("xfs_db", "-r", "-c", f"agf {group}", "-c", "p flfirst fllast flcount", "-c", f"agfl {group}",
                   "-c", "p bno", image).stdout  # fmt: skip
        first, last, count = (int(n) for n in re.findall(r"fl\w+ = (\d+)", text))
        entries = {}
        for start, value in re.findall(r"(\d+(?:-\d+)?):(\d+|null)", text.split("bno", 1)[1]):
            low, _, high = start.partition("-")
            for i in range(int(low), int(high or low) + 1):
                entries[i] = value
        size = max(entries) + 1
        for i in range(count):
            number = int(entries[(first + i) % size])
            at = (group * group_blocks + number) * block
            ready.append((at, at + block))
        assert not count or (first + count - 1) % size == last
    return merged(ready)


def left_out(image, *options):
    found = json.loads(run(VOLUMES, *options, image).stdout)["volumes"]
    assert len(found) == 1 and found[0]["name"] == "disk", found
    return found[0]


def runs_of(volume):
    return merged((b, b + n) for b, n, _ in volume.get("runs") or [])


class Totals:
    free = left = ready = allocated = restored = 0
    counts: dict = {}

    @classmethod
    def count(cls, what):
        cls.counts[what] = cls.counts.get(what, 0) + 1


def check_set(image):
    """What is left out is what is free, but for the blocks that are kept ready."""
    volume = left_out(image)
    if volume["kept_because"]:
        raise Wrong(f"it is kept: {volume['kept_because']}")
    free, runs, ready = free_by_xfs_db(image), runs_of(volume), ready_blocks(image)
    if beyond(runs, free):
        raise Wrong(f"more than is free: {beyond(runs, free)[:3]}")
    if merged(beyond(free, runs)) != ready:
        raise Wrong(f"less than is free, and not what is kept ready: {merged(beyond(free, runs))[:3]} {ready[:3]}")
    Totals.free += sum(e - b for b, e in free)
    Totals.left += sum(e - b for b, e in runs)
    Totals.ready += sum(e - b for b, e in ready)


def check_repair(image):
    # It wants to be told to look at one that has a single allocation group.
    done = run("xfs_repair", "-n", "-o", "force_geometry", image, check=False)
    if done.returncode != 0:
        raise Wrong(f"xfs_repair -n: {done.stderr[-300:]}")


def without_what_is_free(rng, image, copy):
    """A copy without it: by way of a qcow2 image, where there is the program, or right away."""
    if not through_the_program(rng, image, copy):
        run("cp", "--sparse=always", image, copy)
        left_out(copy, "--zero", "--no-runs")
        return
    changed = beyond(changed_runs(image, copy), runs_of(left_out(image)))
    if changed:
        raise Wrong(f"what is not left out has changed: {changed[:3]}")
    Totals.count("through the program")
    Totals.allocated += image.stat().st_blocks * 512
    Totals.restored += copy.stat().st_blocks * 512


def check_restored(rng, image, there, folder, mounts):
    """What is left out becomes zeros, and all is as it was."""
    copy = there / "copy"
    without_what_is_free(rng, image, copy)
    check_repair(copy)
    if not mounts:
        before = run("xfs_db", "-r", "-c", "blockget -n", "-c", "ncheck", image).stdout
        if run("xfs_db", "-r", "-c", "blockget -n", "-c", "ncheck", copy).stdout != before:
            raise Wrong("other names")
        return
    with Mounted(image, folder, "loop,ro,norecovery,nouuid"):
        before = tree(folder)
    with Mounted(copy, folder, "loop,ro,norecovery,nouuid"):
        if tree(folder) != before:
            raise Wrong("other files")


def check_copy(rng, image, there, folder, state):
    """A copy that is taken while the file system is mounted."""
    copy = there / "copy"
    with Mounted(image, folder):
        (folder / "busy").write_bytes(rng.randbytes(300_000))
        if state == "written":
            run("cp", "--sparse=always", image, copy)
        elif state == "synced":
            run("sync", "-f", folder)
            run("cp", "--sparse=always", image, copy)
        else:
            run("fsfreeze", "-f", folder)
            try:
                run("cp", "--sparse=always", image, copy)
            finally:
                run("fsfreeze", "-u", folder)
    volume = left_out(copy, "--zero", "--no-runs")
    Totals.count(f"copy while {state}: {volume['kept_because'] or 'left out'}")
    if state == "synced" and not volume["kept_because"]:
        raise Wrong("a log that must be replayed is taken as clean")
    if volume["kept_because"]:
        return
    with Mounted(copy, folder):  # replays the log
        if state == "frozen" and (folder / "busy").stat().st_size != 300_000:
            raise Wrong("a file is missing")
        for base, _, files in os.walk(folder):
            for name in files:
                if not os.path.islink(os.path.join(base, name)):
                    pathlib.Path(base, name).read_bytes()
    check_repair(copy)


def one(seed, there, arguments):
    rng = random.Random(seed)
    image, folder = there / "image", there / "mnt"
    folder.mkdir()
    version = 4 if rng.random() < 0.2 else 5
    size, options = random_options(rng, version)
    with open(image, "wb") as file:
        file.truncate(size)
    command = ["mkfs.xfs", "-q", "-f", "--unsupported", *options]
    if version == 4:
        command += ["-p", fill_by_proto(rng, there)]
    done = run(*command, image, check=False)
    if done.returncode != 0:
        Totals.count("refused by mkfs.xfs")
        return
    mounts = version == 5 and can_mount(image, folder)
    Totals.count(f"version {version}, {'mounted' if mounts else 'not mounted'}")
    if mounts:
        with Mounted(image, folder):
            fill(rng, folder)
    check_set(image)
    check_restored(rng, image, there, folder, mounts)
    if arguments.flips and seed % 10 == 0:
        done = run(FLIPPED, "--mask", 1 << rng.randrange(8), image, check=False)
        print(f"seed {seed}: {done.stdout.strip()}", flush=True)
        if done.returncode != 0:
            raise Wrong(f"a flipped byte: {done.stdout.strip()} {done.stderr.strip()}")
    if mounts:
        check_copy(rng, image, there, folder, rng.choice(["written", "synced", "frozen"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--flips", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep what is wrong")
    arguments = parser.parse_args()
    for tool in ("mkfs.xfs", "xfs_db", "xfs_repair"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is missing")
            sys.exit(77)
    print(f"seeds from {arguments.seed} on", flush=True)
    wrong = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        there = pathlib.Path(tempfile.mkdtemp(prefix="left-out-"))
        try:
            one(seed, there, arguments)
        except RuntimeError as error:
            wrong += 1
            print(f"WRONG: seed {seed}: {error}" + (f" ({there})" if arguments.keep else ""), flush=True)
            if arguments.keep:
                continue
        shutil.rmtree(there)
    for what, count in sorted(Totals.counts.items()):
        print(f"{count:5} {what}")
    if Totals.free:
        print(f"left out: {Totals.left} of {Totals.free} bytes that are free ({100 * Totals.left / Totals.free:.3f} %)")
        print(f"kept ready for trees: {Totals.ready} bytes")
        print(f"allocated: {Totals.allocated} bytes before, {Totals.restored} restored")
    print(f"{wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()

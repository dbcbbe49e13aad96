#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: left_out_disks.py [--count N] [--seed S] [--keep] [--flips N]

Makes N random disks (20) that are full of random bytes, with a partition table (GPT or MBR with logical partitions, or
none), and in the partitions XFS, ext4, NTFS, swap, LVM with such volumes, FAT, or nothing at all. Asks the program
(VOLUMES, tests/tools/volumes.cc) what need not be in an image, and makes that zeros, by way of an image of
QCOW2_TO_STDOUT where there is such a program. Then every byte outside of the file systems must be as it was, so must be
every file, and xfs_repair, e2fsck, ntfsfix and the tools of the tables must find nothing wrong.
With --flips one byte in N of what says where the volumes lie (GPT, MBR, LVM) is flipped, one after the other, by
FLIPPED_METADATA (tests/tools/flipped_metadata.cc): then nothing may be left out that was not before.
Needs root, loop devices, and mount.

The status is 1 if something is wrong, 77 if a tool is missing.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

from file_systems import through_the_program
from left_out_xfs import MIB, VOLUMES, Mounted, Wrong, run, tree

PIECE = 4096


class Loop:
    """A part of a file as a block device."""

    def __init__(self, image, begin, length):
        self.image, self.begin, self.length = image, begin, length

    def __enter__(self):
        command = ["losetup", "-f", "--show", "-o", self.begin, "--sizelimit", self.length, self.image]
        self.device = run(*command).stdout.strip()
        return self.device

    def __exit__(self, *_):
        run("losetup", "-d", self.device)


def fill(rng, folder):
    for n in range(rng.randrange(5, 60)):
        (folder / f"f{n}").write_bytes(rng.randbytes(rng.choice([10, 5000, 70_000, 700_000])))
    for path in sorted(folder.glob("f*"))[::2]:
        path.unlink()


class Volume:
    """What lies on a part of the disk: its kind, and the files that it has."""

    def __init__(self, rng, kind, begin, length, name):
        self.rng, self.kind, self.begin, self.length, self.name = rng, kind, begin, length, name
        self.files = None

    def make(self, image, folder):
        with Loop(image, self.begin, self.length) as device:
            if self.kind == "xfs":
                run("mkfs.xfs", "-q", "-f", "-K", "--unsupported", device)
            elif self.kind == "ext4":
                run("mke2fs", "-q", "-F", "-E", "nodiscard", "-t", "ext4", device)
            elif self.kind == "ntfs":
                run("mkntfs", "-q", "-Q", "-F", "-T", "-s", 512, "-p", self.begin // 512, "-H", 255, "-S", 63, device)
            elif self.kind == "swap":
                run("mkswap", device)
            elif self.kind == "vfat":
                run("mkfs.vfat", device)
        if self.kind in ("xfs", "ext4", "ntfs"):
            with Mounted(image, folder, self.how("rw"), self.driver):
                fill(self.rng, folder)
            self.files = self.tree(image, folder)

    def how(self, mode):
        options = f"loop,{mode},offset={self.begin},sizelimit={self.length}"
        return options + (",nouuid" if self.kind == "xfs" else "")

    def tree(self, image, folder):
        with Mounted(image, folder, self.how("ro"), self.driver):
            return tree(folder)

    def check(self, image, folder):
        with Loop(image, self.begin, self.length) as device:
            if self.kind == "xfs":
                run("xfs_repair", "-n", "-o", "force_geometry", device)
            elif self.kind == "ext4":
                run("e2fsck", "-fn", device)
            elif self.kind == "ntfs":
                run("ntfsfix", "-n", device)
                run("ntfsinfo", "-m", device)
            elif self.kind == "swap" and 'TYPE="swap"' not in run("blkid", "-p", device).stdout:
                raise Wrong("it is no swap space any more")
        if self.files is not None and self.tree(image, folder) != self.files:
            raise Wrong(f"other files in {self.name}")

    @property
    def may_change(self):
        return self.kind in ("xfs", "ext4", "ntfs", "swap")

    @property
    def driver(self):
        return "ntfs-3g" if self.kind == "ntfs" else None


def lvm_volumes(rng, image, begin, length):
    """A volume group on that part, without the kernel's part of LVM."""
    group = f"vg{rng.randrange(1 << 30)}"
    config = "devices { use_devicesfile=0 } backup { backup=0 archive=0 } activation { udev_sync=0 udev_rules=0 }"
    volumes = []
    with Loop(image, begin, length) as device:
        common = ["--config", config, "--driverloaded", "n"]
        run("pvcreate", "-q", "-y", "-ff", *common, device)
        run("vgcreate", "-q", "-y", *common, group, device)
        for name, kind, size in (("root", "xfs", 64), ("swap", "swap", 8), ("data", "ext4", 24)):
            run("lvcreate", "-q", "-y", "-an", "-Zn", "-Wn", *common, "-n", name, "-L", f"{size}m", group)
            volumes.append((name, kind))
        extent = int(run("vgs", *common, "--noheadings", "--nosuffix", "--units", "b", "-o", "vg_extent_size", group).stdout)
        start = int(run("pvs", *common, "--noheadings", "--nosuffix", "--units", "b", "-o", "pe_start", device).stdout)
        found = []
        for name, kind in volumes:
            text = run("lvs", *common, "--noheadings", "-o", "seg_pe_ranges", f"{group}/{name}").stdout.strip()
            first, last = map(int, text.rsplit(":", 1)[1].split("-"))
            place = begin + start + first * extent
            found.append(Volume(rng, kind, place, (last - first + 1) * extent, f"LVM volume {group}/{name}"))
    return found


def layout(rng):
    """The sizes of partitions in MiB and what they hold."""
    parts = []
    for _ in range(rng.randrange(1, 5)):
        kind = rng.choice(["xfs", "ext4", "ntfs", "swap", "lvm", "vfat", "nothing"])
        parts.append((kind, {"xfs": 48, "lvm": 110, "swap": 10}.get(kind, 20) + rng.randrange(8)))
    return parts


def write_table(rng, image, parts):
    """Returns the name of the table, and (NUMBER, BEGIN, LENGTH, KIND) of each partition."""
    table = rng.choice(["gpt", "gpt", "mbr", "mbr", "none"])
    if table == "none":
        return table, []
    found, at, lines = [], 1 + rng.randrange(3), []
    for n, (kind, size) in enumerate(parts):
        at += rng.randrange(2)
        begin = at * MIB // 512
        number = n + 1 if table == "gpt" or n < 1 else n + 4
        if table == "mbr" and n == 1:
            lines.append(f"start={begin},size=+,type=5")
        if number > 4:
            begin += 2048
            at += 1
        lines.append(f"start={begin},size={size}MiB")
        found.append((number, begin * 512, size * MIB, kind))
        at += size + 1
    if table == "mbr" and len(parts) > 1:
        # The extended partition is the second one, logical ones follow.
        lines = [lines[0], f"2: {lines[1]}", *lines[2:]]
    script = f"label: {'gpt' if table == 'gpt' else 'dos'}\n" + "\n".join(lines) + "\n"
    (image.parent / "script").write_text(script)
    done = run("sh", "-c", f"sfdisk --wipe never --wipe-partitions never {image} <{image.parent}/script", check=False)
    if done.returncode != 0:
        raise Wrong(f"sfdisk: {done.stderr[-300:]} {script}")
    return table, found


def make_disk(rng, image, folder):
    parts = layout(rng)
    size = (sum(size for _, size in parts) + 5 * len(parts) + 8) * MIB
    with open(image, "wb") as file:
        for _ in range(size // MIB):
            file.write(rng.randbytes(MIB))
    # No table, and no signature by chance.
    with open(image, "r+b") as file:
        file.write(bytes(1 << 16))
    table, places = write_table(rng, image, parts)
    if table == "none":
        places = [(0, 0, size, rng.choice(["xfs", "ext4", "ntfs", "swap"] + ["lvm"] * (size > 120 * MIB)))]
    volumes = []
    for number, begin, length, kind in places:
        name = f"partition {number}" if number else "disk"
        if kind == "lvm":
            volumes += lvm_volumes(rng, image, begin, length)
        elif kind != "nothing":
            volumes.append(Volume(rng, kind, begin, length, name))
    for volume in volumes:
        volume.make(image, folder)
    return table, volumes


def check_outside(image, copy, volumes):
    """What is not in a file system is as it was."""
    inside = sorted((v.begin, v.begin + v.length) for v in volumes if v.may_change)
    with open(image, "rb") as one, open(copy, "rb") as other:
        at = 0
        for begin, end in [*inside, (os.path.getsize(image),) * 2]:
            while at < begin:
                one.seek(at)
                other.seek(at)
                length = min(MIB, begin - at)
                if one.read(length) != other.read(length):
                    raise Wrong(f"what is in no file system has changed, in the MiB at {at}")
                at += length
            at = end


def flip(rng, image, every):
    """None if nothing of the disk can be left out."""
    mask = rng.choice([255, 1, 2, 4, 8, 16, 32, 64, 128])
    done = run(os.environ["FLIPPED_METADATA"], "--as", "tables", "--every", every, "--first", rng.randrange(every),
               "--mask", mask, image, check=False)
    if done.returncode != 0:
        raise Wrong(f"flips of {mask}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["bytes"]


def one(seed, there, every):
    rng = random.Random(seed)
    image, copy, folder = there / "image", there / "copy", there / "mnt"
    folder.mkdir()
    table, volumes = make_disk(rng, image, folder)
    found = json.loads(run(VOLUMES, "--swap", "--no-runs", image).stdout)
    if not through_the_program(rng, image, copy, "free,swap"):
        run("cp", image, copy)
        run(VOLUMES, "--swap", "--zero", "--no-runs", copy)
    by_name = {volume["name"]: volume for volume in found["volumes"]}
    told = [f"{table}:"]
    for volume in volumes:
        if volume.name not in by_name:
            raise Wrong(f"{volume.name} was not found: {list(by_name)}")
        told.append(f"{volume.kind} {by_name[volume.name]['left_out'] // MIB}/{volume.length // MIB}")
        if volume.may_change and by_name[volume.name]["kept_because"]:
            raise Wrong(f"{volume.name} is kept: {by_name[volume.name]['kept_because']}")
        if volume.may_change and by_name[volume.name]["left_out"] < volume.length // 4:
            raise Wrong(f"of {volume.name} nearly nothing is left out: {by_name[volume.name]}")
    check_outside(image, copy, volumes)
    for volume in volumes:
        volume.check(copy, folder)
    if table != "none":
        run("sfdisk", "--verify", copy)
    if every and any(volume["left_out"] for volume in found["volumes"]):
        told.append(f"{flip(rng, image, every)} flips")
    print(f"seed {seed}: {' '.join(told)}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--flips", type=int, default=0, metavar="N")
    parser.add_argument("--keep", action="store_true", help="keep what is wrong")
    arguments = parser.parse_args()
    for tool in ("mkfs.xfs", "mke2fs", "mkntfs", "ntfs-3g", "mkswap", "mkfs.vfat", "sfdisk", "losetup", "lvcreate", "blkid"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is missing")
            sys.exit(77)
    if os.geteuid() != 0:
        print("skipped: only root can mount")
        sys.exit(77)
    wrong = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        there = pathlib.Path(tempfile.mkdtemp(prefix="left-out-"))
        try:
            one(seed, there, arguments.flips)
        except RuntimeError as error:
            wrong += 1
            print(f"WRONG: seed {seed}: {error}" + (f" ({there})" if arguments.keep else ""), flush=True)
            if arguments.keep:
                continue
        shutil.rmtree(there)
    print(f"{wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()

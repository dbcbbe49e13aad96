#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: left_out_ntfs.py [--count N] [--seed N] [--flips N]

Makes N (200) random NTFS volumes with mkntfs, lets files live in them through ntfs-3g, and asks what of them would be
left out. That must be free in $Bitmap, as ntfscat shows it, and all but 1 % of what is. It becomes zeros then, by way of
the program and of qcow2-from-stdin if QCOW2_TO_STDOUT names them: nothing else may have changed, ntfsfix must have nothing
to say, and every file must be as it was.

--flips N flips, after each of the first N volumes that are small, a random part of what was read of it, byte by byte:
nothing may be left out then that was not before. Without ntfs-3g mounts, files are written with ntfscp. Prints the seed;
the status is 1 if anything was wrong. FREE_RUNS and FLIPPED_METADATA name the tools (tests/tools).
"""

import contextlib
import os
import pathlib
import random as randomness
import shutil
import subprocess
import sys
import tempfile

from file_systems import KIB, MIB, beyond, examined, joined, leave_out, length_of, mounted, random_life, run, tree_of
from left_out_cases import said, wrong_cases

DRIVER = ("-t", "ntfs-3g", "-o", "rw,user_xattr,loop")


def shown_free(image, folder, cluster):
    """The runs of bytes that $Bitmap calls free."""
    bitmap = folder / "bitmap"
    with open(bitmap, "wb") as file:
        subprocess.run(["ntfscat", "-f", image, "$Bitmap"], check=True, stdout=file, stderr=subprocess.DEVNULL)
    runs, data = [], bitmap.read_bytes()
    begin = None
    for i in range(8 * len(data)):
        is_free = not data[i // 8] >> i % 8 & 1
        if is_free and begin is None:
            begin = i
        elif not is_free and begin is not None:
            runs.append((begin * cluster, i * cluster))
            begin = None
    if begin is not None:
        runs.append((begin * cluster, 8 * len(data) * cluster))
    return runs


class Case:
    def __init__(self, seed, folder, can_mount, tally):
        self.random = randomness.Random(seed)
        self.folder, self.image, self.copy = folder, folder / "image", folder / "copy"
        self.point = folder / "mounted"
        self.can_mount, self.tally = can_mount, tally
        self.options, self.names = [], []

    def make(self):
        for _ in range(100):
            sector = self.random.choice([512, 512, 512, 1024, 4096])
            cluster = sector << self.random.randrange(0, 8)
            self.options = ["-s", sector, "-c", cluster]
            if self.random.random() < 0.3:
                self.options += ["-z", self.random.randrange(1, 5)]
            if self.random.random() < 0.3:
                self.options += ["-L", "label"]
            size = self.random.choice([3, 6, 12, 30, 60, 150]) * MIB + self.random.randrange(16) * 4 * KIB
            self.image.unlink(missing_ok=True)
            with open(self.image, "wb") as file:
                file.truncate(size)
            if run("mkntfs", "-F", "-Q", "-T", *self.options, self.image, check=False).returncode == 0:
                return size
        raise RuntimeError("mkntfs refuses everything")

    def live_in(self, size):
        if self.can_mount:
            with mounted(self.image, self.point, *DRIVER):
                if self.random.random() < 0.3:
                    with contextlib.suppress(OSError):
                        os.setxattr(self.point, "system.ntfs_attrib", (0x800).to_bytes(4, "little"))
                random_life(self.random, self.point, size // 3, self.random.choice([20, 100, 300]), punch=False)
            return
        for number in range(20):
            content = self.folder / "content"
            content.write_bytes(self.random.randbytes(int(size ** self.random.uniform(0.2, 0.7))))
            run("ntfscp", "-f", self.image, content, f"file-{number}")
            self.names.append(f"file-{number}")

    def check(self):
        finding = examined(self.image, "--as", "ntfs")
        if finding["kept_because"]:
            raise RuntimeError("it is kept: " + finding["kept_because"])
        left_out = joined((begin, begin + length) for begin, length, _ in finding["runs"])
        free = shown_free(self.image, self.folder, finding["block_size"])
        if beyond(left_out, free) > 0:
            raise RuntimeError(f"{beyond(left_out, free)} bytes are not free")
        if length_of(left_out) < 0.99 * length_of(free):
            raise RuntimeError(f"only {length_of(left_out)} of {length_of(free)} bytes are left out")
        self.tally["free bytes"] += length_of(free)
        self.tally["left out bytes"] += length_of(left_out)
        shutil.copyfile(self.image, self.copy)
        before = self.tree(self.copy)
        leave_out(self.random, self.image, "ntfs", left_out, self.tally)
        done = run("ntfsfix", "-n", self.image, check=False)
        if done.returncode != 0:
            raise RuntimeError("ntfsfix: " + done.stdout)
        run("ntfsinfo", "-m", self.image)
        if self.tree(self.image) != before:
            raise RuntimeError("files are not as they were")

    def tree(self, image):
        if self.can_mount:
            with mounted(image, self.point, *DRIVER):
                return tree_of(self.point)
        return {name: subprocess.run(["ntfscat", "-f", image, name], check=True, capture_output=True).stdout
                for name in self.names}

    def every_to_flip(self, size):
        return None if size >= 13 * MIB else self.random.choice([997, 1999])


def ntfs_mounts_work(image, folder):
    if os.geteuid() != 0 or shutil.which("ntfs-3g") is None:
        return False
    with contextlib.suppress(RuntimeError, OSError):
        with mounted(image, folder, *DRIVER):
            return True
    return False


def main():
    arguments = said()
    if any(shutil.which(tool) is None for tool in ("mkntfs", "ntfscat", "ntfscp", "ntfsfix")):
        print("the tools of ntfs-3g are not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        probe = folder / "probe"
        with open(probe, "wb") as file:
            file.truncate(4 * MIB)
        run("mkntfs", "-F", "-Q", probe)
        can_mount = ntfs_mounts_work(probe, folder / "mounted")
        print("files live in ntfs-3g" if can_mount else "nothing can be mounted here: ntfscp")
        wrong = wrong_cases("ntfs", arguments, lambda seed, tally: Case(seed, folder, can_mount, tally))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()

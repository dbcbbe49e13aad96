#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: left_out_ext.py [--count N] [--seed N] [--flips N]

Makes N (200) random file systems with mke2fs, lets files live in them on a loop device, and asks what of them would be
left out. That must be free for dumpe2fs, and all but 1 % of what is. It becomes zeros then, by way of the program and of
qcow2-from-stdin if QCOW2_TO_STDOUT names them: nothing else may have changed, e2fsck must have nothing to say, and every
file must be as it was. In every third case the image is a copy that is taken while the file system is
mounted: its journal is replayed by e2fsck afterwards, and what it says then counts, too.

--flips N flips, after each of the first N file systems that are small, a random part of what was read of it, byte by
byte: nothing may be left out then that was not before. Without rights to mount, files are written with mke2fs -d and
deleted with debugfs. Prints the seed; the status is 1 if anything was wrong. FREE_RUNS and FLIPPED_METADATA name the
tools (tests/tools).
"""

import os
import pathlib
import random as randomness
import shutil
import sys
import tempfile

from file_systems import (
    KIB, MIB, beyond, common, examined, joined, leave_out, length_of, loop_mounts_work, mounted, random_life, run, tree_of,
)
from left_out_cases import said, wrong_cases

FEATURES = [
    "64bit", "flex_bg", "metadata_csum", "uninit_bg", "extent", "huge_file", "dir_index", "inline_data", "mmp", "quota",
    "project", "ea_inode", "large_dir", "sparse_super2", "has_journal", "resize_inode", "meta_bg", "bigalloc",
    "metadata_csum_seed", "orphan_file", "fast_commit", "stable_inodes", "verity", "sparse_super", "dir_nlink",
]


def random_options(random):
    """What mke2fs is to do: its options and the size."""
    kind = random.choice(["ext2", "ext3", "ext4", "ext4", "ext4", "ext4"])
    block = random.choice([1024, 2048, 4096, 4096])
    features = [random.choice(["", "^"]) + name for name in random.sample(FEATURES, random.randrange(0, 6))]
    if kind != "ext4":
        features = [name for name in features if name.lstrip("^") in ("dir_index", "resize_inode", "sparse_super", "mmp")]
    options = ["-t", kind, "-b", block]
    if "bigalloc" in features:
        options += ["-C", block * random.choice([2, 4, 16])]
    if features:
        options += ["-O", ",".join(features)]
    if random.random() < 0.3:
        options += ["-g", random.choice([256, 1024, 2048, 8 * block])]
    if random.random() < 0.3:
        options += ["-G", random.choice([1, 2, 8, 64])]
    if random.random() < 0.3:
        options += ["-I", random.choice([128, 256, 512])]
    if random.random() < 0.3:
        options += ["-i", random.choice([4096, 16384, 65536])]
    if random.random() < 0.3:
        options += ["-m", random.choice([0, 5, 20])]
    extended = []
    if random.random() < 0.5:
        extended.append(f"lazy_itable_init={random.choice([0, 1])}")
    if random.random() < 0.2:
        extended.append("packed_meta_blocks=1")
    if random.random() < 0.2:
        extended.append(f"stride={random.choice([4, 16])},stripe_width={random.choice([16, 64])}")
    if extended:
        options += ["-E", ",".join(extended)]
    size = random.choice([3, 9, 17, 40, 64, 130, 260]) * MIB + random.randrange(64) * 4 * KIB
    return options, size


def dumped_free(image):
    """The runs of bytes that dumpe2fs calls free."""
    text = run("dumpe2fs", image).stdout
    sizes = dict(line.split(":") for line in text.splitlines() if line.startswith(("Block size:", "Cluster size:")))
    block = int(sizes["Block size"])
    cluster = int(sizes.get("Cluster size", block))  # of the last one only its first block is shown
    runs = []
    for line in text.splitlines():
        if not line.startswith("  Free blocks: "):
            continue
        for part in line.split(":")[1].replace(",", " ").split():
            first, _, last = part.partition("-")
            runs.append((int(first) * block, int(last or first) * block + cluster))
    return joined(runs)


def replay(image):
    """e2fsck would also make narrow extent trees anew, in blocks that were free."""
    run("e2fsck", "-fy", "-E", "no_optimize_extents", image, check=False)


class Case:
    def __init__(self, seed, folder, can_mount, tally):
        self.random = randomness.Random(seed)
        self.image = folder / "image"
        self.copy = folder / "copy"
        self.files = folder / "files"
        self.point = folder / "mounted"
        self.can_mount, self.tally = can_mount, tally
        self.live = can_mount and seed % 3 == 0
        self.options = []

    def make(self):
        """mke2fs refuses many combinations."""
        for _ in range(1000):
            self.options, size = random_options(self.random)
            self.image.unlink(missing_ok=True)
            extra = []
            if not self.can_mount:
                shutil.rmtree(self.files, ignore_errors=True)
                self.files.mkdir()
                random_life(self.random, self.files, size // 3, 40, xattrs=False)
                extra = ["-d", self.files]
            with open(self.image, "wb") as file:
                file.truncate(size)
            done = run("mke2fs", "-q", "-F", *self.options, *extra, self.image, check=False)
            if done.returncode == 0 and (not self.can_mount or loop_mounts_work(self.image, self.point)):
                return size
        raise RuntimeError("mke2fs refuses everything")

    def live_in(self, size):
        if not self.can_mount:
            for name in os.listdir(self.files):
                if self.random.random() < 0.4 and not (self.files / name).is_dir():
                    run("debugfs", "-w", "-R", f"rm /{name}", self.image)
            run("e2fsck", "-fy", self.image, check=False)
            return
        with mounted(self.image, self.point):
            random_life(self.random, self.point, size // 3, self.random.choice([20, 100, 300]))
            if self.live:
                run("sync", "-f", self.point)
                random_life(self.random, self.point, size // 20, 10)
                run("sync", "-f", self.point)
                # The kernel may write meanwhile, as with any copy that is not a snapshot; so it is held up.
                run("cp", "--sparse=always", self.image, self.copy)
        if self.live:
            self.copy.replace(self.image)

    def check(self):
        finding = examined(self.image, "--as", "ext")
        if finding["kept_because"]:
            self.tally["kept: " + finding["kept_because"]] += 1
            # The kernel finds faults in some of what mke2fs makes.
            if not self.live and run("e2fsck", "-fn", self.image, check=False).returncode == 0:
                raise RuntimeError("a clean file system is kept: " + finding["kept_because"])
            return
        left_out = joined((begin, begin + length) for begin, length, _ in finding["runs"])
        free = dumped_free(self.image)
        if beyond(left_out, free) > 0:
            raise RuntimeError(f"{beyond(left_out, free)} bytes are not free")
        shutil.copyfile(self.image, self.copy)
        if self.live:
            replay(self.copy)
            after = dumped_free(self.copy)
            if beyond(left_out, after) > 0:
                raise RuntimeError(f"{beyond(left_out, after)} bytes are not free once the journal has been replayed")
            free = common(free, after)
        share = length_of(left_out) / max(1, length_of(free))
        self.tally["free bytes"] += length_of(free)
        self.tally["left out bytes"] += length_of(left_out)
        if not self.live and share < 0.99:
            raise RuntimeError(f"only {100 * share:.2f} % of what is free is left out")
        before = self.tree(self.copy)
        leave_out(self.random, self.image, "ext", left_out, self.tally)
        if self.live:
            replay(self.image)
        done = run("e2fsck", "-fn", self.image, check=False)
        if done.returncode != 0:
            raise RuntimeError("e2fsck: " + done.stdout)
        if self.tree(self.image) != before:
            raise RuntimeError("files are not as they were")
        self.tally["live" if self.live else "clean"] += 1

    def tree(self, image):
        if self.can_mount:
            with mounted(image, self.point):
                return tree_of(self.point)
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir()
        run("debugfs", "-R", f"rdump / {self.files}", image)
        return tree_of(self.files)

    def every_to_flip(self, size):
        return None if self.live or size >= 20 * MIB else self.random.choice([97, 211, 499])


def main():
    arguments = said()
    if shutil.which("mke2fs") is None or shutil.which("debugfs") is None:
        print("e2fsprogs is not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        probe = folder / "probe"
        with open(probe, "wb") as file:
            file.truncate(4 * MIB)
        run("mke2fs", "-q", "-F", probe)
        can_mount = os.geteuid() == 0 and loop_mounts_work(probe, folder / "mounted")
        print("files live on a loop device" if can_mount else "nothing can be mounted here: mke2fs -d and debugfs")
        wrong = wrong_cases("ext", arguments, lambda seed, tally: Case(seed, folder, can_mount, tally))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()

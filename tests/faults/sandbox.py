# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the program runs: a directory with disks and a /tmp of its own, the ways to run it, and the images that each of them
should give.
"""

import atexit
import contextlib
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from running import Running

K, M = 1 << 10, 1 << 20
# More than a pipe holds on either side of a hole; the last cluster is not whole.
MIDDLE, DISK_SIZE = 2 * M + 128 * K, 4 * M + 20 * K
HELPERS = pathlib.Path(__file__).resolve().parent.parent / "helpers"
INSIDE = "FAULT_MATRIX_INSIDE"


class Skip(Exception):
    """Why the whole table is not made."""


def data(length, seed):
    """Bytes that are never zero and differ from place to place."""
    lines = (b"%d\n" % n for n in itertools.count(seed))
    made = bytearray()
    while len(made) < length:
        made += b"".join(itertools.islice(lines, 4096))
    return bytes(made[:length])


def write_at(path, offset, content):
    with open(path, "r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.write(content)


def run_with_own_tmp():
    """So that what the program leaves in /tmp is seen. Needs root; without, only $TMPDIR is looked at."""
    if os.geteuid() == 0 and INSIDE not in os.environ:
        if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])


class Sandbox:
    """What goes away at its end: the directory, and what at_end() was told."""

    def __init__(self):
        for program in ("qemu-img", "qemu-nbd", "pgrep", "prlimit"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")
        if os.environ.get("QCOW2STREAM_SANITIZE"):
            raise Skip("preloaded libraries, limits of memory and sanitizers do not go together")
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
        self.ends = contextlib.ExitStack()
        atexit.register(self.ends.close)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="qcow2-to-stdout.", dir="/var/tmp"))
        self.at_end(shutil.rmtree, self.directory)
        self.at_end(os.chdir, "/")
        os.chdir(self.directory)
        # What the program starts has this word in its command line.
        self.mark = f"mark-{os.getpid()}-{random.randrange(1 << 30)}"
        os.mkdir(self.mark)
        os.mkdir("tmp")
        # All that is needed of /tmp, should it be there.
        for name, copy in (("QCOW2_TO_STDOUT", "program"), ("FAULT_SHIM", "shim.so"), ("DENY_SYSCALLS", "deny-syscalls")):
            shutil.copy(os.environ[name], copy)
        shutil.copy(HELPERS / "odd_output.py", "odd_output.py")
        if INSIDE in os.environ:
            self.call("mount", "--bind", "tmp", "/tmp")
            self.at_end(subprocess.run, ["umount", "/tmp"], check=False)
        self.environment = {**os.environ, "LC_ALL": "C", "TMPDIR": str(self.directory / "tmp")}
        self.program = str(self.directory / "program")
        self.make_disks()

    def at_end(self, function, *arguments, **named):
        self.ends.callback(function, *arguments, **named)

    @staticmethod
    def call(*words):
        """Its output, or an exception that has what it says."""
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True).stdout

    def try_call(self, *words):
        """(output, None), or (None, why not)."""
        try:
            return self.call(*words).strip(), None
        except FileNotFoundError:
            return None, f"{words[0]} is not installed"
        except subprocess.CalledProcessError as error:
            return None, error.stderr.strip()

    def loop_device(self, for_what, *words):
        """Its name, or nothing, and then a line that says why not."""
        device, why_not = self.try_call("losetup", "-f", "--show", *words)
        if device is None:
            self.not_tested(for_what, why_not)
        else:
            self.at_end(subprocess.run, ["losetup", "-d", device], check=False)
        return device

    def mount(self, for_what, directory, options):
        """Whether there is a tmpfs of its own, now. Its directory goes away with the mount namespace, or before."""
        os.mkdir(directory)
        _, why_not = self.try_call("mount", "-t", "tmpfs", "-o", options, "none", directory)
        if why_not is not None:
            self.not_tested(for_what, why_not)
            return False
        self.at_end(subprocess.run, ["umount", self.directory / directory], check=False)
        return True

    @staticmethod
    def not_tested(what, why):
        print(f"{what:46} | not tested: {why}", flush=True)

    def make_disks(self):
        disk, base = pathlib.Path("disk.raw"), pathlib.Path("base.raw")
        write_at(disk, 0, data(1536 * K, 1))
        write_at(disk, 2 * M, data(DISK_SIZE - 2 * M, 2 * M + 1))
        write_at(base, 0, data(1536 * K, 1))
        write_at(base, 64 * K, data(64 * K, 7))
        os.truncate(base, DISK_SIZE)
        self.disk = disk.read_bytes()
        os.link(disk, f"{self.mark}/disk.raw")
        for name in "qcow2", "vmdk":
            self.call("qemu-img", "convert", "-f", "raw", "-O", name, "disk.raw", f"{self.mark}/disk.{name}")
        # Sources that start a server begin with q.
        self.arguments = {
            "raw": "disk.raw",
            "scan-none": "--scan none disk.raw",
            "image": f"-f qcow2 {self.mark}/disk.qcow2",
            "qemu": f"-f vmdk {self.mark}/disk.vmdk",
            "compress": "--compress disk.raw",
            "compress-twice": "--compress --spool-memory 0 disk.raw",
            "compress-spool": "--compress --spool-memory 0 --spool-dir tmp disk.raw",
            "base": "--base base.raw -B base.raw -F raw disk.raw",
            "stdin": "-",
            "stdin-at-once": f"--size {DISK_SIZE} --scan none -"}
        self.arguments = {source: words.split() for source, words in self.arguments.items()}
        self.wanted = {}
        for source in self.arguments:
            self.make_image(source)

    def add_source(self, source, words, same_as=None):
        """Another way to run it, which gives the same image as one that there is."""
        self.arguments[source] = words.split() if isinstance(words, str) else words
        if same_as is None:
            self.make_image(source)
        else:
            self.wanted[source] = self.wanted[same_as]

    def make_image(self, source):
        self.wanted[source] = subprocess.run([self.program, "-q", *self.arguments[source]], input=self.disk,
                                             stdout=subprocess.PIPE, env=self.environment, check=True).stdout

    def measure(self, source, *words):
        return subprocess.run([self.program, "-q", *words, *self.arguments[source]], input=self.disk, env=self.environment,
                              stdout=subprocess.PIPE, check=True).stdout

    def start(self, source, prefix=(), words=(), **how):
        """The program behind a prefix and with more options. By itself it has the disk as its standard input."""
        how = {"feed": pathlib.Path("disk.raw"), "environment": self.environment, **how}
        return Running([*prefix, self.program, "-q", *words, *self.arguments[source]], **how)

    def region_ends(self, source):
        """(name, end) of each region of its image."""
        regions = json.loads(self.measure(source, "--measure=json"))["regions"]
        ends = itertools.accumulate(regions.values())
        return [(name, end) for (name, size), end in zip(regions.items(), ends) if size]

    def left_behind(self, look_for_processes):
        processes = []
        for _ in range(50 if look_for_processes else 0):
            processes = self.processes()
            if not processes:
                break  # the kernel kills the child after us
            time.sleep(0.02)
        files = [str(path) for path in pathlib.Path("tmp").rglob("*") if not path.parts[1].startswith("nbdkit")]
        return " ".join([process[:40] for process in processes] + files)

    def processes(self):
        found = subprocess.run(["pgrep", "-fa", "--", self.mark], stdout=subprocess.PIPE, text=True, check=False)
        return [line.split(maxsplit=1)[1] for line in found.stdout.splitlines()]


def children_of(pid, *more):
    return [int(line) for line in subprocess.run(["pgrep", "-P", str(pid), *more], stdout=subprocess.PIPE,
                                                 check=False).stdout.split()]


def wait_for(condition):
    """Ten seconds at most."""
    for _ in range(500):
        if result := condition():
            return result
        time.sleep(0.02)
    sys.exit("FAIL: waited in vain")

# SPDX-License-Identifier: GPL-2.0-or-later
"""NBD servers to measure with: each runs as long as it is needed, on a socket of its own."""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from . import Skip

PATIENCE = 10  # seconds that a server may take to listen


def require(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def nbdkit_command(disk, socket, delay=None):
    slow = ["--filter=delay"] if delay else []
    return ["nbdkit", "-f", "-r", "-U", socket, *slow, "file", disk,
            *([f"rdelay={delay}"] if delay else [])]


@contextlib.contextmanager
def served(command, disk, **more):
    """`command(disk, socket)` is how it is started; gives the URI."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="qcow2-to-stdout-bench-"))
    socket = directory / "socket"
    try:
        words = [str(word) for word in command(disk, socket, **more)]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as server:
            try:
                wait_for(socket, server)
                yield f"nbd+unix:///?socket={socket}"
            finally:
                server.terminate()
    finally:
        shutil.rmtree(directory)


def wait_for(socket, server):
    end = time.monotonic() + PATIENCE
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > end:
            sys.exit(f"bench: {server.args[0]} does not listen")
        time.sleep(0.01)

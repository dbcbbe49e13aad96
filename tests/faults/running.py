# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that runs, with a reader of its output who takes as much as he is told to."""

import os
import pathlib
import select
import socket
import subprocess
import threading
import time


class Running:
    """`feed`: what comes from its standard input: bytes, a file, nothing (None), or "by hand": what is written to `feeder`.
    `output`: "pipe", "socket", or a file. It is ended when its time is over, and its status is 124 then.
    """

    def __init__(self, words, output="pipe", feed=None, environment=None, keep=(), limit=10):
        self.received, self.end, self.is_late = bytearray(), time.monotonic() + limit, False
        self.file = None if output in ("pipe", "socket") else pathlib.Path(output)
        ours, theirs = (None, open(output, "wb")) if self.file else \
            (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"))) if output == "pipe" else socket.socketpair()
        stdin = open(feed, "rb") if isinstance(feed, pathlib.Path) else subprocess.PIPE if feed else subprocess.DEVNULL
        with open("stderr", "wb") as stderr, theirs:
            self.process = subprocess.Popen(words, stdin=stdin, stdout=theirs, stderr=stderr, env=environment,
                                            pass_fds=keep, bufsize=0)
        self.pid, self.reader, self.feeder = self.process.pid, ours, self.process.stdin
        if isinstance(feed, bytes):
            threading.Thread(target=self.write, args=(feed,), daemon=True).start()
        elif isinstance(feed, pathlib.Path):
            stdin.close()

    def write(self, data):
        try:
            self.feeder.write(data)
            self.feeder.close()
        except OSError:
            pass  # it has ended

    def take(self, count=1 << 62):
        """So many bytes of its output, or all that still comes."""
        while count > 0 and self.reader is not None and not self.is_late:
            self.is_late = not select.select([self.reader], [], [], max(0, self.end - time.monotonic()))[0]
            block = b"" if self.is_late else os.read(self.reader.fileno(), min(count, 1 << 16))
            if not block:
                break
            self.received += block
            count -= len(block)

    def leave(self):
        """The reader goes away."""
        self.reader.close()
        self.reader = None

    def wait(self):
        """Its status as a shell has it."""
        try:
            status = self.process.wait(max(0.1, self.end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.is_late = True
            self.process.kill()
            status = self.process.wait()
        return 124 if self.is_late else status if status >= 0 else 128 - status

    def finish(self):
        """Takes the rest, and its status."""
        self.take()
        status = self.wait()
        if self.file is not None and self.file.is_file():
            self.received = self.file.read_bytes()
        return status

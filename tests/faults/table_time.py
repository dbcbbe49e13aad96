# SPDX-License-Identifier: GPL-2.0-or-later
"""Clocks that jump, stops and continuations, kill -9."""

import os
import shutil
import signal
import threading
import time

from matrix import SILENCE, SURVIVED, But
from sandbox import children_of, wait_for


def table(m):
    m.row("clock:1+:jump", "raw,image,qemu,compress,compress-twice,base,stdin pipe", SURVIVED, "clocks jump")
    for source in "raw", "image", "qemu", "compress", "compress-twice", "base", "stdin", "stdin-at-once":
        stopping(m, "stopped and continued, over and over", source, storm)
    if shutil.which("nbdkit"):
        m.add_source("q-slow", "-c 1M --connections 1 --requests 1 --timeout 1 -- [ nbdkit -r --filter=delay "
                     f"file {m.mark}/disk.raw rdelay=300ms ]", same_as="raw")
        m.wanted["q-slow"] = m.measure("raw", "-c", "1M")
        stopping(m, "stopped for longer than the time limit", "q-slow", pause)
    else:
        m.not_tested("stopped for longer than the time limit", "nbdkit is not installed")
    for source in "raw", "image", "qemu", "compress-twice", "compress-spool", "stdin", "stdin-at-once":
        for count, seconds in (0, 0.005), (0, 0.03), (1, 0), (200000, 0):
            killed(m, source, count, seconds)


def storm(running):
    while running.process.poll() is None:
        running.process.send_signal(signal.SIGSTOP)
        running.process.send_signal(signal.SIGCONT)
        time.sleep(0.001)


def pause(running):
    """As ^Z and fg do, with all that belongs to it: the program and the server that it has started, which owes it an answer
    all the while.
    """
    everybody = [running.pid, *wait_for(lambda: children_of(running.pid))]
    for seconds, number in (0.4, signal.SIGSTOP), (2.5, signal.SIGCONT):
        time.sleep(seconds)
        for pid in everybody:
            os.kill(pid, number)


def stopping(m, what, source, treat):
    """Treats it so while a reader takes the image slowly."""
    def read():
        for _ in range(20):
            running.take(100000)
            time.sleep(0.02)
        running.take()
    running = m.start(source, limit=60)
    reader = threading.Thread(target=read)
    reader.start()
    treat(running)
    reader.join()
    m.judge(what, source, "pipe", running.received, running.finish(), SURVIVED)


def killed(m, source, count, seconds):
    """After so many bytes, and a moment, in which the pipe may take all the rest."""
    running = m.start(source)
    running.take(count)
    # A moment before, a directory in /tmp holds the socket's name; only SIGKILL can leave it there.
    if source.startswith("q"):
        wait_for(lambda: children_of(running.pid))
    time.sleep(seconds)
    running.process.kill()
    if status := running.finish():  # it was faster otherwise
        m.judge(f"kill -9 after {count} bytes and {seconds} s", source, "pipe", running.received, status, (137, SILENCE),
                But.ALL_IS_WRITTEN)

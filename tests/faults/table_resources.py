# SPDX-License-Identifier: GPL-2.0-or-later
"""What the system denies: memory, descriptors, threads. From too little to enough: each run fails well or is right."""

import os
import random
import shutil

from matrix import But
from sandbox import M


def limits(option, what, numbers, prefix=(), unit=1):
    return [(f"{n} {what}", [*prefix, "prlimit", f"--{option}={n * unit}"]) for n in numbers]


def memory(m, steps):
    least = m.least_memory()
    return limits("as", "MiB of address space", [least + step for step in steps], unit=M)


def table(m):
    m.from_too_little(memory(m, (0, 2, 7, 9, 16, 18, 26, 36, 50, 54, 58, 66, 80, 130, 270, 4000)),
                      ["raw", "image", "qemu", "compress-twice", "base", "stdin-at-once"])
    m.from_too_little(limits("nofile", "descriptors", (4, 5, 6, 8, 10, 11, 12, 13, 14, 24)),
                      ["raw", "image", "qemu", "compress-spool", "base", "stdin"])
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        m.not_tested("processes and threads", "needs root and setpriv")
        return
    m.directory.chmod(0o711)
    os.chmod("tmp", 0o1777)
    user = random.randrange(100000, 130000)
    other = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    m.from_too_little(limits("nproc", "processes and threads", (1, 2, 3, 4, 6, 8, 64), other),
                      ["raw", "image", "qemu", "compress-twice", "base", "stdin"])


def table_beside(m):
    """With what is written beside the image and with --run, where the command's limits are ours."""
    modes = ["raw digest report progress", "raw run digest", "compress save-plan report", "raw plan digest"]
    m.but = But.REPORT_IS_LOST  # it may not have come to it
    m.from_too_little(memory(m, (0, 7, 9, 18, 26, 42, 58, 80, 130, 270, 4000)), modes, "[0-9]+")
    m.from_too_little(limits("nofile", "descriptors", (4, 5, 6, 7, 8, 9, 10, 12, 24)), modes, "[0-9]+")

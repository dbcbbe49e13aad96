# SPDX-License-Identifier: GPL-2.0-or-later
"""Images from a saved plan: plans that are damaged, cut off, or cannot be read, a disk that is not the one any more or cannot
be read, and an output without room.
"""

import os
import pathlib
import shutil

from beside import FILES
from matrix import ALL_BUT_ONE, HALF, SURVIVED, But
from sandbox import DISK_SIZE, K, M, MIDDLE

FAILED = "disk.raw: read at offset [0-9]+ failed: input/output error"
NO_ROOM = (1, "standard output: write failed: no space left on device; out")


def table(m):
    m.add_source("compressed", "disk.raw", same_as="compress")
    m.but = But.NOTHING_IS_WRITTEN
    damaged_plans(m)
    shutil.copy2("disk.raw", "other.raw")
    m.add_source("changed", "other.raw", same_as="raw")
    for change, status in ("touch -d 2001-01-01", 4), ("truncate -s 5M", 4), ("rm", 1):
        m.call(*change.split(), "other.raw")
        m.row("", "changed pipe", (status, "^qcow2-to-stdout: other.raw: "), f"{change} DISK")
    m.but = But.NOTHING
    places = (12 * K, MIDDLE + 12 * K, DISK_SIZE - 8 * K)
    take(m, "raw.plan")
    m.row("source:@{at}:EIO", "raw pipe | raw file", (1, f"{FAILED}; output"), "block at {at}, {options}", at=places)
    take(m, "compress.plan")
    m.row("pread:@{at}:EIO preadv2:@{at}:EIO", "compressed pipe", (1, f"{FAILED}"), "compressed, block at {at}, {options}",
          at=places)
    for plan, source in ("raw.plan", "raw"), ("compress.plan", "compressed"):
        take(m, plan)
        m.row("output:>{n}:ENOSPC", f"{source} file", NO_ROOM, f"no room after {{n}} bytes, {plan}",
              n=(0, 1, 65537, HALF, ALL_BUT_ONE))
        m.row("output:1+:short", f"{source} pipe", SURVIVED)
        m.row("output:1+:storm pread:1+:storm preadv2:1+:storm", f"{source} file", SURVIVED)
        m.row("file-read:1+:{how}", f"{source} pipe", SURVIVED, file=plan, how=("short", "storm"))
    m.row("close:1:EIO", "compressed file", (1, "standard output: close failed: input/output error; all"),
          "close fails, {options}", but=But.ALL_IS_WRITTEN)
    # A plan that is kept before the image that fails is right all the same.
    m.use(FILES)
    m.row("source:@{at}:EIO", "raw pipe", (1, f"{FAILED}; output"), "emission: block at {at}, {options}", at=places[:2])
    m.row(f"source:@{MIDDLE}:EIO", "raw pipe", (1, f"{FAILED}$"), f"survey: block at {MIDDLE}, {{options}}")
    m.row("output:>{n}:ENOSPC", "raw file", NO_ROOM, "no room after {n} bytes, {options}", n=(0, 1, 2000000, ALL_BUT_ONE))


def take(m, plan):
    """What is run from here on takes it, and is to write a digest and a report, too."""
    m.option_words["plan"] = ["--plan", plan]
    m.use("plan digest report progress")


def damaged_plans(m):
    plan = pathlib.Path("raw.plan").read_bytes()
    size = len(plan)
    for at in 0, 1, 21, 22, 40, size // 2, size - 32, size - 1:
        for output, content, what in (("pipe", plan[:at], f"a plan of {at} of {size} bytes"),
                                      ("file", plan[:at] + b"\xff" + plan[at + 1:], f"a plan whose byte {at} is damaged")):
            pathlib.Path("bad.plan").write_bytes(content)
            take(m, "bad.plan")
            m.row("", f"raw {output}", (1, "^qcow2-to-stdout: bad.plan: is (damaged|not a plan|a plan of)"), what)
    os.mkdir("directory.plan")
    pathlib.Path("empty.plan").touch()
    for name in "none.plan", "empty.plan", "directory.plan", "/dev/null", "disk.raw":
        take(m, name)
        m.row("", "raw pipe", (1, f"^qcow2-to-stdout: {name}: "), f"as a plan: {name}")
    take(m, "raw.plan")
    m.row("file-open:1:{error}", "raw pipe", (1, "^qcow2-to-stdout: raw.plan: cannot be opened: "), file="raw.plan",
          error=("EACCES", "EIO"))
    m.row("file-read:{n}:EIO", "raw pipe", (1, "raw.plan: read failed: input/"), file="raw.plan", n=range(1, 7))

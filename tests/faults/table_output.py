# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written: no room, errors, calls that are short, interrupted or would block."""

import os

from matrix import ALL_BUT_ONE, HALF, SURVIVED, But
from sandbox import M

NO_ROOM = (1, "^qcow2-to-stdout: standard output: write failed: no space left on device; output is incomplete")
ERROR = (1, "standard output: write failed: input/output error")


def table(m):
    m.row("output:>{n}:ENOSPC", "raw,compress,base file", NO_ROOM, "no room after {n} bytes",
          n=(0, 1, 65537, HALF, ALL_BUT_ONE))
    others = "image,qemu,stdin,stdin-at-once,compress-twice,compress-spool"
    m.row("output:>{n}:ENOSPC", f"{others} file", NO_ROOM, "no room after {n} bytes", n=(0, ALL_BUT_ONE))
    m.row("output:>{n}:EIO", f"{others} pipe", ERROR, "error after {n} bytes", n=(0, ALL_BUT_ONE))
    m.row("output:>{n}:EIO", "raw pipe", ERROR, "error after {n} bytes", n=(0, 65537, ALL_BUT_ONE))
    m.row("output:>{n}:ECONNRESET", "raw socket blocking", (1, "standard output: write failed: connection"),
          "connection reset after {n} bytes", n=(0, 65537, ALL_BUT_ONE))
    m.row("close:1:{error}", "raw file", (1, "standard output: close failed: "), "close fails", but=But.ALL_IS_WRITTEN,
          error=("EIO", "ENOSPC"))
    m.row("", "raw,compress,image,qemu,stdin,base /dev/full", NO_ROOM, "/dev/full")
    # That of the spool file, too.
    m.row("", "raw,compress,image,qemu,stdin,base file", (1, "write failed: file too large"), "limit of a file's size, 1 MiB",
          prefix=["prlimit", f"--fsize={M}"])
    if m.mount("a full file system", "small", "size=1m"):
        for source in "raw", "compress", "compress-spool", "base", "image", "qemu", "stdin":
            m.row("", f"{source} small/image", NO_ROOM, "a full file system of 1 MiB")
            os.unlink("small/image")
    with open("full.img", "wb") as file:
        file.truncate(3 * M)
    # What the page cache takes, the device may still refuse: room is asked for first.
    if loop := m.loop_device("a device that is too small", "full.img"):
        m.row("", f"raw {loop}", (1, "standard output: the device is too small"), "a device that is too small")
    m.row("output:{how}", "raw,compress,stdin pipe | raw,base file | raw socket blocking", SURVIVED,
          how=("1+:short", "1+:storm", "2:EAGAIN output:4:EINTR output:5:EAGAIN"))
    m.row("write:1+:short splice:2+:EINVAL", "raw pipe", SURVIVED)
    every = "raw,image,qemu,compress,base,stdin,stdin-at-once"
    m.row("", f"{every} pipe non-blocking | {every} socket non-blocking", SURVIVED, "a slow reader, calls that would block")

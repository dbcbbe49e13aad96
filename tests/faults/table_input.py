# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read: errors at the first, a middle and the last cluster, in the survey and in the emission, from files, block
devices, QEMU, NBD servers and standard input; calls that are short, interrupted or have nothing yet.
"""

import json
import os
import pathlib
import shutil
import subprocess

from matrix import SURVIVED
from sandbox import DISK_SIZE, K, M, MIDDLE, wait_for

FIRST, LAST = 0, DISK_SIZE - 20 * K
PLACES = (FIRST, MIDDLE, LAST)
INSIDE = tuple(at + 12 * K for at in PLACES)
FAILED = r"read at offset [0-9]+ failed: input/output error"


def table(m):
    # The survey looks at the beginning of a cluster, the emission takes all of it.
    m.row("source:@{at}:EIO", "raw pipe", (1, f"disk.raw: {FAILED}$"), "survey: file, block at {at}", at=PLACES)
    m.row("source:@{at}:EIO", "raw pipe | raw file | raw socket blocking | scan-none pipe",
          (1, f"disk.raw: {FAILED}; output is inc"), "emission: file, block at {at}", at=INSIDE)
    m.row("pread:@{at}:EIO preadv2:@{at}:EIO", "compress,compress-twice,compress-spool pipe", (1, "read at offset"),
          "survey: file, block at {at}", at=INSIDE)
    # What the survey has read and the emission cannot, any more.
    m.row("pread:@{at}:EIO splice:@{at}:EIO sendfile:@{at}:EIO copy_file_range:@{at}:EIO",
          "raw pipe | raw file | raw socket blocking",
          (3, r"changed while it was read \(offset {at} does not read any more\): .* discard it"),
          "emission only: file, block at {at}", at=(FIRST, MIDDLE))
    m.row("source:@{at}:EIO", "base file", (1, "(disk|base).raw: read at offset [0-9]+ failed"),
          "survey: both files, block at {at}", at=(4 * K, MIDDLE + 4 * K))
    # The first answer comes from the survey, the next one from whoever compresses again.
    m.row("preadv2:1+:EINVAL pread:25+:EIO", "compress-twice pipe",
          (3, "offset [0-9]+ does not read any more.*incomplete"), "emission: file, reads from the 25th on")
    # Without an answer where holes are, all is data and is looked into.
    m.row("lseek:{call}:EIO", "raw,compress,base pipe | raw file", SURVIVED, call=("1", "2", "4", "1+"))
    answers_about_holes(m)
    # EAGAIN of the disk is not one of the output, which would be waited for.
    m.row("source:1+:EAGAIN", "raw,compress,base pipe | scan-none pipe | scan-none file | scan-none socket blocking",
          (1, "read at offset [0-9]+ failed: resource temporarily unavailable"))
    block_device(m)
    qemu(m)
    nbd_server(m)
    standard_input(m)
    for faults in ("pread:1+:short preadv2:1+:EAGAIN", "pread:1+:storm preadv2:1+:storm",
                   "preadv2:1+:short source:1+:storm"):
        m.row(faults, "raw,compress,compress-twice,base pipe | raw,compress-spool file | scan-none socket blocking", SURVIVED)


def answers_about_holes(m):
    """Answers that make no sense say nothing: from there on all is data, and is looked into or taken as it is."""
    m.add_source("scan-holes", "--scan holes disk.raw", same_as="scan-none")
    lies = ("stay", "back", "beyond", "EBADFD", "EINVAL", "EOPNOTSUPP")
    m.row("holes:{call}:{lie}", "raw,compress,base pipe | raw file", SURVIVED, call=("1+", "2", "2+", "3", "4+"), lie=lies)
    m.row("holes:1+:{lie}", "scan-holes pipe", SURVIVED, lie=lies)


def block_device(m):
    """Read through io_uring. It keeps its size when its file becomes shorter."""
    shutil.copy("disk.raw", "short.raw")
    if not (loop := m.loop_device("errors of a block device", "-r", "short.raw")):
        return
    m.add_source("device", loop)
    m.add_source("device-scan-none", f"--scan none {loop}")
    for size in reversed(PLACES):
        os.truncate("short.raw", size)
        for phase, mode, message in (("survey", "device pipe", f"{loop}: {FAILED}"),
                                     ("emission", "device-scan-none file", f"offset {size} failed: input.*incomp")):
            m.call("blockdev", "--flushbufs", loop)
            m.row("", mode, (1, message), f"{phase}: device, from {size} on")


def qemu(m):
    for at in PLACES:
        node = {"driver": "raw", "file": {
            "driver": "blkdebug", "inject-error": [{"event": "none", "iotype": "read", "sector": at // 512}],
            "image": {"driver": "file", "filename": f"{m.directory}/{m.mark}/disk.raw"}}}
        m.add_source("qemu", ["--blockdev", json.dumps(node)], same_as="raw")
        m.add_source("qemu-scan-none", ["--scan", "none", "--blockdev", json.dumps(node)], same_as="scan-none")
        m.row("", "qemu pipe", (1, f"{FAILED}$"), f"survey: QEMU, sector at {at}")
        m.row("", "qemu-scan-none file", (1, f"{FAILED}.*incomplete"), f"emission: QEMU, sector at {at}")


def nbd_server(m):
    if not shutil.which("nbdkit"):
        m.not_tested("errors of an NBD server", "nbdkit is not installed")
        return
    pathlib.Path("small.raw").write_bytes(m.disk[:M])
    pread = ('if [ -e fail ] && [ "$4" -le "$(cat fail)" ] && [ "$(($4 + $3))" -gt "$(cat fail)" ]; then '
             'echo EIO cannot >&2; exit 1; fi; '
             'dd if=small.raw iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=64k 2>dd.log')
    with open("nbdkit.log", "wb") as log:
        server = subprocess.Popen(["nbdkit", "--exit-with-parent", "--foreground", "--readonly", "--unix", "socket",
                                   "--pidfile", "socket.pid", "eval", f"get_size=echo {M}", f"pread={pread}"], stderr=log)
    m.at_end(server.wait)
    m.at_end(server.kill)
    wait_for(lambda: os.path.exists("socket.pid") and os.path.getsize("socket.pid"))
    for source, words in ("nbd", ""), ("nbd-compress", "--compress "), ("nbd-scan-none", "--scan none "):
        m.add_source(source, f"{words}nbd+unix:///?socket=socket")
    for at in 0, 524288, 983040:
        pathlib.Path("fail").write_text(str(at))
        m.row("", "nbd,nbd-compress pipe", (1, f"socket: {FAILED}"), f"survey: nbdkit, byte {at}")
        m.row("", "nbd-scan-none pipe", (1, f"socket: {FAILED}"), f"emission: nbdkit, byte {at}")


def standard_input(m):
    failed = (1, "standard input: read .*failed: input/output error")
    m.row("read:1:EIO", "stdin,stdin-at-once pipe", failed)
    m.row("read:9+:EIO", "stdin,stdin-at-once file", failed)
    m.row("read:{how}", "stdin,stdin-at-once pipe", SURVIVED, how=("1+:short", "1+:storm", "3:EAGAIN"))
    m.row("", "stdin-at-once file", ("[13]", "standard input: "), "its writer ends too soon", feed=m.disk[:M])
    m.row("", "stdin-at-once file", ("[13]", "standard input: "), "its writer has too much", feed=m.disk * 2)
    m.row("pwrite:3+:ENOSPC", "stdin pipe", (1, "tmp: write failed: no space left"))
    m.row("pwrite:3+:EIO", "stdin pipe", (1, "tmp: write failed: input/output error"))
    m.row("tmpfile:1:EIO ftruncate:1:EIO", "stdin pipe", ("[01]", "tmp: "))
    m.row("pwrite:1+:short pwrite:1+:storm ftruncate:1:EINTR", "stdin pipe", SURVIVED)

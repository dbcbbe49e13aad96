# SPDX-License-Identifier: GPL-2.0-or-later
"""--run: an image that breaks off, and commands that cannot start, end early, or do not want to end."""

import signal

from matrix import ALL_BUT_ONE, HALF, SURVIVED, But
from sandbox import DISK_SIZE, K, M, MIDDLE

INPUT = "standard input of --run: "
FAILED = (1, "read at offset [0-9]+ failed: input/output error; output is incomplete")
BROKEN = f"source:@{MIDDLE + 12 * K}:EIO"


def use(m, command):
    m.use("run digest report progress", f"cat {m.mark}/nothing; {command}")


def table(m):
    m.use("run digest report progress")
    m.row("file-output:>{n}:EIO", "raw,compress pipe", (1, f"{INPUT}write failed: input/output error; output is"),
          "command's input: error after {n} bytes", file="pipe:", n=(0, 1, 65537, HALF, ALL_BUT_ONE))
    m.row("file-output:1+:{how}", "raw,compress pipe", SURVIVED, "command's input: {how}", file="pipe:",
          how=("short", "storm"))
    m.row("source:@{at}:EIO", "scan-none pipe | scan-none file", FAILED, "emission: file, block at {at}",
          at=(12 * K, MIDDLE + 12 * K, DISK_SIZE - 8 * K))
    m.row("", "stdin-at-once pipe", (1, "standard input: "), "its writer ends too soon", feed=m.disk[:M])
    for what, command in (("a shell that waits", "cat && touch beside/end"), ("no shell", "exec cat"),
                          ("a pipe", "cat | cat && touch beside/end"),
                          ("it ignores SIGTERM", 'trap "" TERM; cat && touch beside/end'),
                          ("it cleans up", 'exec 3<&0; trap "exit 3" TERM; cat <&3 & wait; touch beside/end'),
                          ("another session", "setsid -w cat && touch beside/end")):
        use(m, command)
        m.row(f"{BROKEN} poll:1+:skip", "scan-none pipe", FAILED, f"read error, {what}")
    # Any process of the machine may end while we look for those of the command.
    m.row(f"{BROKEN} file-read:{{n}}:ESRCH", "scan-none pipe", FAILED, "read error, another process ends", file="/stat",
          n=(1, 5, 20))
    cannot_start(m)
    ends(m)


def cannot_start(m):
    use(m, "cat && touch beside/end")
    # The process that looks after the command comes first of all.
    m.but = But.NOTHING_IS_WRITTEN
    m.row("fork:1:EAGAIN", "raw pipe", (1, "^qcow2-to-stdout: --run: cannot be started: resource temporarily unavailable$"),
          but=But.REPORT_IS_LOST)
    m.row("pipe2:1:EIO", "raw pipe", (1, "^qcow2-to-stdout: --run: cannot be started: "), but=But.REPORT_IS_LOST)
    m.row("fork:2:EAGAIN", "raw pipe", (127, INPUT), but=But.COMMAND_ENDS)
    for status, command in (127, "no-such-program"), (126, "/dev/null"), (2, ")"):
        use(m, command)
        m.row("", "raw pipe", (status, INPUT), f"cannot be run: {command}", but=But.COMMAND_ENDS)


def ends(m):
    m.but = But.COMMAND_ENDS

    def line(what, command, status, message=INPUT, source="raw", but=But.NOTHING):
        use(m, command)
        m.row("", f"{source} pipe", (status, message), what, but=but)
    for source in "raw", "compress":
        for count in [0, 1, *[end for _, end in m.region_ends(source)][:-1], len(m.wanted[source]) - 1]:
            line(f"it takes {count} bytes, exit 0", f"head -c {count}", 1, source=source)
            if source == "raw":
                line(f"it takes {count} bytes, exit 9", f"head -c {count}; exit 9", 9)
    for name in "TERM", "KILL":
        status = 128 + signal.Signals[f"SIG{name}"]
        line(f"SIG{name} after a byte", f"head -c 1; kill -{name} $$", status)
        line(f"SIG{name} at the end", f"cat; kill -{name} $$", status, f"command died: signal .* .SIG{name}",
             but=But.ALL_IS_WRITTEN)
    for status in 1, 7, 255:
        line(f"exit {status} at the end", f"cat; exit {status}", status, f"the command failed: exit status {status}$",
             but=But.ALL_IS_WRITTEN)
    line("it closes its input and goes on", "head -c 1000; exec <&-; sleep 0.2", 1)

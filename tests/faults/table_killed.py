# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals and kill -9 with what is written beside the image and with --run: to the program, to the process that looks after
the command, and to the command.
"""

import os
import pathlib
import signal

from beside import END, FILES
from matrix import SILENCE, But
from sandbox import M, children_of, wait_for


def table(m):
    m.but = But.COUNT_LAGS  # a signal comes while bytes are on their way
    for name in "TERM", "INT", "KILL":
        for options in FILES, "plan digest report", f"run {FILES}", "run plan":
            m.use(options)
            for count in 1, 200000:
                running = m.start("raw")
                running.take(count)
                ended_by(m, running, name, f"after {count} bytes, {options}", "raw")
    # While the disk is read for the first time: what is beside the image is open, the command not started.
    for name in "TERM", "HUP", "INT", "KILL":
        for options in FILES, "run digest report":
            m.use(options)
            running = m.start("stdin", feed="by hand")
            running.feeder.write(m.disk[:3 * M])
            wait_for(lambda: '"reading"' in pathlib.Path("beside/report").read_text())
            ended_by(m, running, name, f"while the disk is read, {options}", "stdin", But.NOTHING_IS_WRITTEN)
    # While the command finishes: it has all of the image.
    for name in "TERM", "HUP", "INT", "KILL":
        m.use("run digest report progress", f"{m.usual_command} && exec sleep 1000")
        running = m.start("raw")
        running.take(len(m.wanted["raw"]))
        wait_for(END.exists)
        ended_by(m, running, name, "while the command finishes, run digest report progress", "raw", But.ALL_IS_WRITTEN)
    for command in m.usual_command, f"exec cat {m.mark}/nothing -":
        m.use("run digest report progress", command)
        for count in 1, 200000:
            for name, whom in ("KILL", "qcow2-run"), ("TERM", "the command"), ("KILL", "the command"):
                to_the_command(m, name, whom, count, command.split()[0])


def ended_by(m, running, name, what, source, but=But.NOTHING):
    """The program has the signal, and ends, though nobody reads."""
    number = signal.Signals[f"SIG{name}"]
    running.process.send_signal(number)
    running.wait()
    m.judge(f"SIG{name} {what}", source, "pipe", running.received, running.finish(),
            (128 + number, SILENCE if name == "KILL" else f"^qcow2-to-stdout: .*: ended by SIG{name}"), but)


def to_the_command(m, name, whom, count, word):
    """What the command has started may live on and take all of the image before anybody hears of this."""
    running = m.start("raw")
    running.take(count)
    supervisor = wait_for(lambda: children_of(running.pid, "-x", "qcow2-run"))[0]
    shell = wait_for(lambda: children_of(supervisor))[0]
    number = signal.Signals[f"SIG{name}"]
    os.kill(supervisor if whom == "qcow2-run" else shell, number)
    m.judge(f"SIG{name} to {whom} after {count} bytes, {word}", "raw", "pipe", running.received, running.finish(),
            (1 if whom == "qcow2-run" else 128 + number, "--run: "), But.COMMAND_ENDS | But.ALL_IS_WRITTEN)

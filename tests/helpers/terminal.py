#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""terminal.py COLUMNS COMMAND...: runs it with standard error on a terminal of that width, everything that it shows
there goes to our standard output as it is. The status is that of the command."""
import fcntl, os, pty, struct, sys, termios

ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
attributes = termios.tcgetattr(theirs)
attributes[1] &= ~termios.OPOST  # a newline stays one byte
termios.tcsetattr(theirs, termios.TCSANOW, attributes)
child = os.fork()
if child == 0:
    os.dup2(theirs, 2)
    os.dup2(os.open(os.environ["IMAGE"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(theirs)
try:
    while data := os.read(ours, 65536):
        os.write(1, data)
except OSError:
    pass  # the last one who had the other side open has gone
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

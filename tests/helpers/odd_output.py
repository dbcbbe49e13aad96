#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: odd_output.py pipe|socket blocking|non-blocking PROGRAM [ARGUMENT...] > RECEIVED

Runs the program with such a standard output, reads it slowly at first and then as it comes, and
ends with the program's status (128 more than the signal if one killed it).
"""
import os
import socket
import subprocess
import sys
import time

kind, mode, command = sys.argv[1], sys.argv[2], sys.argv[3:]
if kind == "pipe":
    reader, writer = os.pipe()
else:
    ends = socket.socketpair()
    reader, writer = ends[0].detach(), ends[1].detach()
os.set_blocking(writer, mode == "blocking")
child = subprocess.Popen(command, stdout=writer)
os.close(writer)
reads = 0
while block := os.read(reader, 1 << 16):
    sys.stdout.buffer.write(block)
    reads += 1
    if reads <= 20:
        time.sleep(0.01)
sys.stdout.buffer.flush()
status = child.wait()
sys.exit(status if status >= 0 else 128 - status)

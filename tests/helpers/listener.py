#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Listens on a TCP port of this machine and on a Unix socket, and counts.

listener.py SOCKET PORT_FILE LOG: writes the port's number to PORT_FILE when both listen, and a line
to LOG for each connection, which it closes at once.
"""
import os
import selectors
import socket
import sys

path, port_file, log = sys.argv[1:]
unix = socket.socket(socket.AF_UNIX)
unix.bind(path)
tcp = socket.create_server(("127.0.0.1", 0))
selector = selectors.DefaultSelector()
for server in unix, tcp:
    server.listen()
    selector.register(server, selectors.EVENT_READ)
with open(port_file + ".new", "w") as out:
    out.write(str(tcp.getsockname()[1]))
os.rename(port_file + ".new", port_file)
while True:
    for key, _ in selector.select():
        with open(log, "a") as out:
            out.write("connection\n")
        key.fileobj.accept()[0].close()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""breaking-proxy.py HOST:PORT BYTES: prints its own port, passes connections on, and breaks all of
them once, when so many bytes have gone to the server.
"""

import socket
import sys
import threading

lock = threading.Lock()
state = {"left": int(sys.argv[2]), "broken": False}
host, port = sys.argv[1].rsplit(":", 1)
pairs = set()


def break_all():
    for one, other in list(pairs):
        for end in (one, other):
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    print("broken", file=sys.stderr, flush=True)


def pump(source, target, counts):
    try:
        while piece := source.recv(1 << 16):
            target.sendall(piece)
            if counts:
                with lock:
                    state["left"] -= len(piece)
                    now = state["left"] <= 0 and not state["broken"]
                    state["broken"] |= now
                if now:
                    break_all()
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    client = listener.accept()[0]
    server = socket.create_connection((host, int(port)))
    pairs.add((client, server))
    threading.Thread(target=pump, args=(client, server, True), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, False), daemon=True).start()

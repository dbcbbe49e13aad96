#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: cutting_proxy.py LISTEN SERVER close|silence|garbage BYTES

Stands between a client and a server on Unix sockets. Each connection is passed on until the server
has sent BYTES bytes. From then on the client gets: the end of the connection, nothing any more, or
bytes that are no answer. LISTEN appears when it can be connected to.
"""
import os
import socket
import sys
import threading

listen, server, mode, limit = sys.argv[1:4] + [int(sys.argv[4])]


def pass_requests(client, upstream):
    try:
        while data := client.recv(1 << 16):
            upstream.sendall(data)
    except OSError:
        pass


def serve(client):
    upstream = socket.socket(socket.AF_UNIX)
    left = limit
    try:
        upstream.connect(server)
        threading.Thread(target=pass_requests, args=(client, upstream), daemon=True).start()
        while left > 0 and (data := upstream.recv(min(left, 1 << 16))):
            client.sendall(data)
            left -= len(data)
        if mode == "garbage":
            while data := upstream.recv(1 << 16):
                client.sendall(b"\x55" * len(data))
        elif mode == "silence" and left == 0:
            threading.Event().wait()
    except OSError:
        pass
    for end in (client, upstream):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.socket(socket.AF_UNIX)
listener.bind(listen + ".new")
listener.listen(64)
os.rename(listen + ".new", listen)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

# SPDX-License-Identifier: GPL-2.0-or-later
"""An NBD server in this process, whose disk loses what was not flushed when it crashes.

Between two flushes a disk stores what it likes in the order that it likes; crash() leaves a random part of it.
"""

import errno
import os
import socket
import struct
import threading

READ, WRITE, DISCONNECT, FLUSH, TRIM, WRITE_ZEROES = 0, 1, 2, 3, 4, 6
NAMES = {READ: "read", WRITE: "write", FLUSH: "flush", TRIM: "trim", WRITE_ZEROES: "zero"}
FUA = 1
# Flush, FUA, zeros; several connections, which a flush is for all of.
EXPORT_FLAGS = 1 | 4 | 8 | 64 | 256
SECTOR = 4096


class VolatileDisk:
    """What is stored, and what is written and not flushed."""

    def __init__(self, content):
        self.current = bytearray(content)
        self.stable = bytearray(content)
        self.unflushed = []
        self.flushes = 0
        self.lock = threading.Lock()

    def write(self, offset, data, flush):
        with self.lock:
            self.current[offset:offset + len(data)] = data
            self.unflushed.append((offset, data))
            if flush:
                self._store_all()

    def flush(self):
        with self.lock:
            self._store_all()
            self.flushes += 1

    def _store_all(self):
        for offset, data in self.unflushed:
            self.stable[offset:offset + len(data)] = data
        self.unflushed = []

    def crash(self, lots):
        """The bytes that are there after a loss of power: of what was not flushed, any blocks."""
        left = bytearray(self.stable)
        for offset, data in self.unflushed:
            for at in range(0, len(data), SECTOR):
                if lots.random() < 0.5:
                    left[offset + at:offset + at + SECTOR] = data[at:at + SECTOR]
        return bytes(left)


class Server:
    """Serves a disk on a Unix socket until stop(). `before(name, offset, length)` may return an error number."""

    def __init__(self, path, disk, before=None, read_only=False):
        self.disk = disk
        self.before = before or (lambda name, offset, length: 0)
        self.flags = EXPORT_FLAGS | (2 if read_only else 0)
        self.uri = f"nbd+unix:///?socket={path}"
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(64)
        self.clients = []
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def stop(self):
        """Ends when nothing is being written any more. A thread that was about to accept would otherwise take the number of
        the closed socket, and with it a connection of the next server, for its own."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.socket.close()
        for thread, client in list(self.clients):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            thread.join()

    def _accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self.clients.append((thread, client))
            thread.start()

    def _serve(self, client):
        try:
            with client:
                if self._handshake(client):
                    self._transmit(client)
        except (OSError, EOFError):
            pass

    def _handshake(self, client):
        client.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        take(client, 4)
        while True:
            option, length = struct.unpack(">8xII", take(client, 16))
            take(client, length)
            if option == 2:
                return False
            if option not in (6, 7):
                reply(client, option, 0x80000001)
                continue
            reply(client, option, 3, struct.pack(">HQH", 0, len(self.disk.current), self.flags))
            reply(client, option, 1)
            if option == 7:
                return True

    def _transmit(self, client):
        while True:
            flags, kind, cookie, offset, length = struct.unpack(">4xHHQQI", take(client, 28))
            data = take(client, length) if kind == WRITE else b""
            if kind == DISCONNECT:
                return
            error = self.before(NAMES[kind], offset, length)
            answer = b""
            if not error and self.flags & 2 and kind in (WRITE, WRITE_ZEROES, TRIM):
                error = errno.EPERM
            if not error:
                answer = self._do(kind, flags, offset, length, data)
            client.sendall(struct.pack(">IIQ", 0x67446698, error, cookie) + answer)

    def _do(self, kind, flags, offset, length, data):
        if kind == READ:
            return bytes(self.disk.current[offset:offset + length])
        if kind == FLUSH:
            self.disk.flush()
        elif kind != TRIM:
            self.disk.write(offset, data or bytes(length), flags & FUA != 0)
        return b""


def take(client, length):
    """So many bytes that the client sends."""
    data = bytearray()
    while len(data) < length:
        part = client.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def reply(client, option, kind, data=b""):
    client.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

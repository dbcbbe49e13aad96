# SPDX-License-Identifier: GPL-2.0-or-later
"""What readers make of an image: ours (build/bin/read-qcow2), QEMU, and libqcow where it is."""

import hashlib
import json
import os
import subprocess
import sys

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whichever Python this is
try:
    import pyqcow  # python3-libqcow
except ImportError:
    pyqcow = None

TIMEOUT = 60
PIECE = 4096


class Reading:
    """What a reader makes of an image: bytes and a map, or a refusal."""

    def __init__(self, error=None, sha256=None, size=None, runs=None):
        self.error = error
        self.sha256 = sha256
        self.size = size
        self.runs = runs


def last_line(text):
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def qemu_reason(text):
    """QEMU says in a line of its own what is wrong with a table, and then that there was an error."""
    lines = text.decode(errors="replace").splitlines()
    details = [line.split("corrupt: ", 1)[1] for line in lines if "corrupt: " in line]
    return last_line(text) + (f" ({details[0]})" if details else "")


def run(directory, *command):
    return subprocess.run(command, cwd=directory, capture_output=True, check=False,
                          timeout=TIMEOUT)


def native(reader, name, directory, snapshot=()):
    result = run(directory, reader, name, *snapshot)
    if result.returncode not in (0, 1):
        return Reading(error=f"DIED with status {result.returncode}: {last_line(result.stderr)}")
    if result.returncode == 1:
        return Reading(error=last_line(result.stderr))
    told = json.loads(result.stdout)
    return Reading(sha256=told["sha256"], size=told["size"], runs=[tuple(r) for r in told["runs"]])


# --- QEMU -----------------------------------------------------------------------------------------

def through_qemu(name, directory):
    mapped = run(directory, "qemu-img", "map", "-f", "qcow2", "--output=json", name)
    if mapped.returncode != 0:
        return Reading(error=qemu_reason(mapped.stderr))
    # Data that is zeros: in an image that looks preallocated QEMU asks the file below for holes.
    # What the tables say is data.
    runs = [(r["start"], r["length"], "data" if r["data"] else "zeros",
             r.get("offset") if r["data"] else None) for r in json.loads(mapped.stdout)
            if r["length"] > 0]
    size = runs[-1][0] + runs[-1][1] if runs else 0
    return content_through_qemu(name, directory, size, runs)


def content_through_qemu(name, directory, size, runs, snapshot=()):
    raw = os.path.join(directory, "through-qemu.raw")
    result = run(directory, "qemu-img", "convert", *snapshot, "-f", "qcow2", "-O", "raw", "-S", "4k",
                 name, raw)
    if result.returncode != 0:
        return Reading(error=qemu_reason(result.stderr), size=size, runs=runs)
    with open(raw, "rb") as file:
        digest = content_digest(lambda at, length: os.pread(file.fileno(), length, at), size, runs)
    os.unlink(raw)
    return Reading(sha256=digest, size=size, runs=runs)


def has_snapshot(name, directory):
    info = run(directory, "qemu-img", "info", "--output=json", name)
    known = json.loads(info.stdout) if info.returncode == 0 else {}
    return any(s["name"] == "first" for s in known.get("snapshots", []))


def snapshot_through_qemu(name, directory, size):
    """The first `size` bytes of the snapshot "first"."""
    return content_through_qemu(name, directory, size, [(0, size, "data", None)],
                                ["-l", "snapshot.name=first"])


# --- libqcow --------------------------------------------------------------------------------------

def through_libqcow(name, directory, qemu):
    """Its digest of the content of an image without a backing file; None where it is not there, or
    where QEMU refuses the image. It does not know clusters that are zeros by a flag: of those without
    data at an offset it shows the header. So it is asked for what is data, and all else is zeros."""
    if pyqcow is None or qemu.error is not None or not qemu.runs:
        return None
    image = pyqcow.file()
    image.open(os.path.join(directory, name))
    try:
        data = [(start, start + length) for start, length, kind, _ in qemu.runs if kind == "data"]

        def read(at, length):
            piece = bytearray(length)
            for start, end in data:
                begin, end = max(at, start), min(at + length, end)
                if begin < end:
                    piece[begin - at:end - at] = image.read_buffer_at_offset(end - begin, begin)
            return bytes(piece)

        return content_digest(read, qemu.size, qemu.runs)
    finally:
        image.close()


# --- digests --------------------------------------------------------------------------------------

def content_digest(read, size, runs):
    """That of each piece that is not all zeros, and where it is; read-qcow2 does the same."""
    digest = hashlib.sha256()
    at = 0
    for start, length, kind, _ in runs:
        at = max(at, start // PIECE * PIECE)
        while kind == "data" and at < start + length:
            piece = read(at, min(PIECE, size - at))
            if piece.strip(b"\0"):
                digest.update(at.to_bytes(8, "big") + piece)
            at += PIECE
    return digest.hexdigest()

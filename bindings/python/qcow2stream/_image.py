# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks, and images of them as files."""
from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Protocol, Union

from ._errors import UsageError
from ._library import Progress, call, call_watched, ffi, lib, names, options_of, text

_TO_THE_END = 2**64 - 1
_NBD_URI = re.compile(r"nbds?(\+unix|\+vsock)?:")

# What describes another disk than the base of an increment.
_NOT_OF_THE_BASE = ("input_format", "snapshot", "dirty_bitmap", "shallow", "bitmaps", "size")


class HasFileno(Protocol):
    """A file, a pipe, a socket."""

    def fileno(self) -> int:
        """Its descriptor."""


#: What names a disk: a path, or the URI of an NBD server; what is open, as a file or its descriptor; the words of a
#: program that serves NBD; a block node of QEMU's.
DiskName = Union[str, bytes, "os.PathLike[str]", HasFileno, int, Sequence[str], Mapping[str, Any]]


def is_nbd_uri(name: object) -> bool:
    """Whether the library has to ask a server for it."""
    return isinstance(name, str) and _NBD_URI.match(name) is not None


def descriptor_of(file: Union[int, HasFileno]) -> int:
    """The descriptor of what is open. What Python has kept back goes out first."""
    if isinstance(file, int):
        return file
    if getattr(file, "writable", lambda: False)():
        file.flush()  # type: ignore[attr-defined]
    return file.fileno()


def _open(disk: DiskName, options: Any) -> Any:
    if is_nbd_uri(disk):
        return call(lib.qcow2stream_disk_open_nbd, os.fsencode(disk), options)  # type: ignore[arg-type]
    if isinstance(disk, (str, bytes, os.PathLike)):
        return call(lib.qcow2stream_disk_open, os.fsencode(disk), options)
    if isinstance(disk, Mapping):
        return call(lib.qcow2stream_disk_open_node, json.dumps(disk).encode(), options)
    if isinstance(disk, Sequence):
        words = [ffi.new("char[]", os.fsencode(word)) for word in disk]
        return call(lib.qcow2stream_disk_open_program, ffi.new("char *[]", [*words, ffi.NULL]), options)
    name = getattr(disk, "name", None)
    called = os.fsencode(name) if isinstance(name, (str, bytes)) else b"descriptor"
    return call(lib.qcow2stream_disk_open_descriptor, descriptor_of(disk), called, options)


class Disk:
    """A disk that is read as it is. Image() makes one itself; this is for who wants to look at it.

    Thread-safe. `options` as for Image, as far as they are about the disk.
    """

    def __init__(self, disk: DiskName, *, format: Optional[str] = None, **options: Any) -> None:
        given = options_of({"input_format": format, **options})
        self._handle = ffi.gc(_open(disk, given), lib.qcow2stream_disk_free)

    @property
    def size(self) -> int:
        """In bytes; need not be a multiple of 512."""
        return lib.qcow2stream_disk_size(self._handle)

    @property
    def name(self) -> str:
        """What messages call it."""
        return text(lib.qcow2stream_disk_name(self._handle))

    @property
    def caveats(self) -> list[str]:
        """What a user should know before trusting in the content."""
        return names(lambda index: lib.qcow2stream_disk_caveat(self._handle, index))

    def pread(self, length: int, offset: int) -> bytes:
        """The `length` bytes at `offset`; fewer only at the end of the disk."""
        buffer = bytearray(_within(length, offset, self.size))
        with ffi.from_buffer("char[]", buffer, require_writable=True) as memory:
            count = call(lib.qcow2stream_disk_read, self._handle, offset, memory, len(memory))
        return bytes(buffer[:count] if count < len(buffer) else buffer)


def _within(length: int, offset: int, size: int) -> int:
    """How many bytes there are of `length` at `offset`."""
    if offset < 0:
        raise ValueError(f"negative offset {offset}")
    if length < 0:
        raise ValueError(f"negative length {length}")
    return min(length, max(0, size - offset))


class Image(io.RawIOBase):
    """The qcow2 image of a disk, as a binary file that can be read and sought.

    Making it is the survey, which finds what the disk holds; that may take as long as reading the disk once. From
    then on size and content are fixed. What is read is made of the disk at that moment, and is right: a disk that has
    changed raises ChangedError, as far as the disk tells.

    disk      a path (str, bytes, os.PathLike); an NBD URI (str); a file that is open, or its descriptor: a pipe is
              read to its end, and kept without its zeros in a file without a name; a list of words: a program
              that serves NBD (nbdkit); a dict: a block node of QEMU's
    base      another disk: the image is an increment, of what differs from it (with backing_file, backing_format)
    plan      the path of a plan: no survey is made
    format    of the disk: "raw" (default), "qcow2", "auto", or any that QEMU reads
    progress  is called with (bytes done, bytes in all) during the survey
    options   those of the program (man qcow2-to-stdout) as keywords: cluster_size=65536, compress="zstd:3"
              option_names() lists them

    Thread-safe: read() and readinto() share one position, pread() needs none.
    """

    def __init__(
        self,
        disk: Union[DiskName, Disk],
        *,
        base: Union[DiskName, Disk, None] = None,
        plan: Union[str, bytes, "os.PathLike[str]", None] = None,
        format: Optional[str] = None,
        base_format: Optional[str] = None,
        progress: Optional[Progress] = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._position = 0
        self._handle: Any = None
        options.setdefault("input_format", format)
        self._disk = disk if isinstance(disk, Disk) else Disk(disk, **options)
        given = options_of(options)
        if plan is not None:
            if base is not None:
                raise UsageError("plan: a plan has no base", name="plan")
            handle = call(lib.qcow2stream_image_open_plan, self._disk._handle, os.fsencode(plan), given)
        else:
            if base is not None and not isinstance(base, Disk):
                base = Disk(base, format=base_format, **_others(options, *_NOT_OF_THE_BASE))
            below = ffi.NULL if base is None else base._handle
            handle = call_watched(lib.qcow2stream_survey, self._disk._handle, below, given, progress=progress)
        self._handle = ffi.gc(handle, lib.qcow2stream_image_free)

    # --- what is known of it

    @property
    def size(self) -> int:
        """In bytes."""
        return lib.qcow2stream_image_size(self._open_handle())

    @property
    def id(self) -> str:
        """Two images with the same id are the same, as far as the disk tells. Takes time when it is first asked for."""
        return text(call(lib.qcow2stream_image_id, self._open_handle()))

    @property
    def caveats(self) -> list[str]:
        """What a user should know of the disk before trusting in the image."""
        return self._disk.caveats

    def measure(self) -> dict[str, int]:
        """Numbers by their names: "required" and "fully-allocated" bytes, "virtual-size", "data-clusters", ..."""
        handle = self._open_handle()
        value = ffi.new("uint64_t *")
        result = {}
        for name in names(lib.qcow2stream_measure_name):
            call(lib.qcow2stream_image_measure, handle, name.encode(), value)
            result[name] = value[0]
        return result

    # --- a file

    def readable(self) -> bool:
        """True."""
        self._open_handle()
        return True

    def seekable(self) -> bool:
        """True."""
        self._open_handle()
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        self._open_handle()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Sets the position and returns it. It may be behind the end: nothing is read there."""
        size = self.size
        with self._lock:
            start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: size}.get(whence)
            if start is None:
                raise ValueError(f"invalid whence {whence}")
            if start + offset < 0:
                raise ValueError(f"negative position {start + offset}")
            self._position = start + offset
            return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fills a buffer from the position on, and moves that. Returns how many bytes; fewer only at the end."""
        with self._lock:
            count = self._read_at(self._position, buffer)
            self._position += count
            return count

    def readall(self) -> bytes:
        """All from the position on."""
        with self._lock:
            result = self.pread(max(0, self.size - self._position), self._position)
            self._position += len(result)
            return result

    def pread(self, length: int, offset: int) -> bytes:
        """The `length` bytes at `offset`, wherever the position is; fewer only at the end."""
        buffer = bytearray(_within(length, offset, self.size))
        count = self._read_at(offset, buffer)
        return bytes(buffer[:count] if count < len(buffer) else buffer)

    def write(self, _data: Any, /) -> int:
        """Raises io.UnsupportedOperation, as any file does that is open for reading."""
        raise io.UnsupportedOperation("not writable")

    def close(self) -> None:
        """What other threads are reading meanwhile is still read to its end."""
        # In this order, so that whoever is told that the image is closed finds it closed.
        super().close()
        self._handle = None

    # --- more than a file

    def write_to(
        self,
        output: Union[int, HasFileno],
        *,
        offset: int = 0,
        length: Optional[int] = None,
        progress: Optional[Progress] = None,
    ) -> None:
        """Writes the image, or a part of it, to a pipe, file, socket or block device, from where that stands: a
        descriptor, or what has one. Faster than reading: the kernel moves what it can, and more than one thread
        compresses. The last piece goes out when the disk was seen to be unchanged, so what failed is too short.
        """
        if offset < 0 or (length is not None and length < 0):
            raise ValueError("negative offset or length")
        call_watched(
            lib.qcow2stream_emit,
            self._open_handle(),
            offset,
            _TO_THE_END if length is None else length,
            descriptor_of(output),
            progress=progress,
        )

    def save_plan(self, path: Union[str, bytes, "os.PathLike[str]"]) -> None:
        """Keeps the survey in a new file: Image(disk, plan=path) is the same image, on any host that has the disk."""
        with open(path, "xb") as file:
            call(lib.qcow2stream_image_save_plan, self._open_handle(), file.fileno())

    def _open_handle(self) -> Any:
        handle = self._handle
        if handle is None:
            raise ValueError("I/O operation on a closed image")
        return handle

    def _read_at(self, offset: int, buffer: Any) -> int:
        # Whoever closes the image meanwhile leaves this one reference.
        handle = self._open_handle()
        with ffi.from_buffer("char[]", buffer, require_writable=True) as memory:
            return call(lib.qcow2stream_image_read, handle, offset, memory, len(memory))


def _others(options: Mapping[str, Any], *names_of: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names_of}

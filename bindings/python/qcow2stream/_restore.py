# SPDX-License-Identifier: GPL-2.0-or-later
"""From images to disks."""
from __future__ import annotations

import os
from typing import Any, Optional, Union

from ._image import HasFileno, descriptor_of, is_nbd_uri
from ._library import Progress, call, call_watched, ffi, lib, options_of

#: An image: a path, or what is open, which is read from where it stands to its end.
ImageName = Union[str, bytes, "os.PathLike[str]", HasFileno, int]

_NUMBERS = ("disk-size", "written", "zeroed", "equal", "different")


def _open_target(target: ImageName, options: Any) -> Any:
    if is_nbd_uri(target):
        return call(lib.qcow2stream_target_open_nbd, os.fsencode(target), options)  # type: ignore[arg-type]
    if isinstance(target, (str, bytes, os.PathLike)):
        return call(lib.qcow2stream_target_open, os.fsencode(target), options)
    return call(lib.qcow2stream_target_open_descriptor, descriptor_of(target), b"target", options)


def _add(restore_handle: Any, image: ImageName, is_last: bool, progress: Optional[Progress]) -> None:
    if isinstance(image, (str, bytes, os.PathLike)):
        with open(image, "rb", buffering=0) as file:
            _add_open(restore_handle, file.fileno(), os.fsencode(image), is_last, progress)
        return
    _add_open(restore_handle, descriptor_of(image), b"image", is_last, progress)


def _add_open(restore_handle: Any, descriptor: int, name: bytes, is_last: bool, progress: Optional[Progress]) -> None:
    call_watched(lib.qcow2stream_restore_add_stream, restore_handle, descriptor, name, is_last, progress=progress)


def restore(
    target: ImageName, *images: ImageName, progress: Optional[Progress] = None, **options: Any
) -> dict[str, int]:
    """Restores a disk from a full image and any number of increments of it, the oldest first.

    target    a path: a new file, which gets its name when all is there, or a block device; an NBD URI; or what is
              open, for the raw disk in order
    images    a path, or what is open: a pipe is restored while it arrives
    progress  is called with the bytes of an image that have come, and 0
    options   those of the program (man qcow2-from-stdin) as keywords: overwrite=True, apply=True

    Returns numbers of bytes by their names: "disk-size", "written", "zeroed", "equal", "different".
    """
    given = options_of(options)
    handle = call(lib.qcow2stream_restore_new, _open_target(target, given), given)
    handle = ffi.gc(handle, lib.qcow2stream_restore_free)
    try:
        for number, image in enumerate(images, 1):
            _add(handle, image, number == len(images), progress)
        call(lib.qcow2stream_restore_finish, handle)
        value = ffi.new("uint64_t *")
        result = {}
        for name in _NUMBERS:
            call(lib.qcow2stream_restore_number, handle, name.encode(), value)
            result[name] = value[0]
        return result
    finally:
        ffi.release(handle)  # A target that is not finished is left at once.

# SPDX-License-Identifier: GPL-2.0-or-later
"""The qcow2 image of a disk as a file that is never stored.

    with qcow2stream.Image("/dev/vg/snapshot") as image:
        boto3.client("s3").upload_fileobj(image, "backups", "vm.qcow2")

An Image is a binary file that can be read and sought: its size is known, and any part of it can be had in any order,
by any number of threads. It is made of the disk while it is read.
"""
from ._errors import (
    CancelledError,
    ChangedError,
    DamagedError,
    Error,
    FailedError,
    InternalError,
    MismatchError,
    UsageError,
)
from ._image import Disk, Image
from ._library import option_names, version
from ._restore import restore

__version__ = version()
__all__ = [
    "CancelledError",
    "ChangedError",
    "DamagedError",
    "Disk",
    "Error",
    "FailedError",
    "Image",
    "InternalError",
    "MismatchError",
    "UsageError",
    "option_names",
    "restore",
    "version",
]

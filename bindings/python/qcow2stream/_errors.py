# SPDX-License-Identifier: GPL-2.0-or-later
"""The exceptions, one for each kind of error of the library. (Where memory is short it is MemoryError.)"""
from __future__ import annotations

from typing import Any, Optional


class Error(Exception):
    """What failed, on what, and why. str() of it is one line."""

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        what_failed: str = "",
        reason: str = "",
        number: Optional[int] = None,
        offset: Optional[int] = None,
        subject: str = "other",
        advice: str = "",
        advice_number: int = 0,
    ) -> None:
        super().__init__(*([number, message] if number else [message]))
        self.message = message
        #: The system's number, or None.
        self.errno = number
        #: The disk, file or option that it is about.
        self.name = name
        self.what_failed = what_failed
        self.reason = reason
        #: The byte of the disk or of the output that it is about, or None.
        self.offset = offset
        #: "disk", "output", "target", "image", "spool", "list", "plan", "manifest" or "other".
        self.subject = subject
        #: What may help: mostly the name of an option; or "".
        self.advice = advice
        #: The number that belongs to the advice, or 0.
        self.advice_number = advice_number

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self), self.errno, dict(vars(self)))


def _rebuilt(kind: type[Error], number: Optional[int], parts: dict[str, Any]) -> Error:
    error = kind(parts["message"], number=number)
    vars(error).update(parts)
    return error


class FailedError(Error, OSError):
    """Something could not be done: input, output, a limit of the format. It is an OSError, as with any file."""


class UsageError(Error, ValueError):
    """Parameters or options that make no sense, whatever the disk holds."""


class ChangedError(Error):
    """The disk is not what it was: what was read of the image is no image."""


class MismatchError(Error):
    """The image, plan or base is not the one that was asked for."""


class DamagedError(Error):
    """An image that is restored is damaged, or is not what was expected."""


class CancelledError(Error):
    """A progress function wanted an end."""


class InternalError(Error):
    """A defect of the library."""

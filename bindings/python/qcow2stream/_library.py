# SPDX-License-Identifier: GPL-2.0-or-later
"""The functions of the shared library, options for them, and what they fail of.

cffi gives the GIL up during each call, so other threads of Python run meanwhile.
"""
from __future__ import annotations

import os
from typing import Any, Callable, Mapping, Optional

from . import _errors
from ._declarations import ffi

SONAME = "libqcow2stream.so.0"
lib = ffi.dlopen(SONAME)

#: Is told how far something is: bytes that are done, and bytes in all (0: not known yet). What it raises ends that.
Progress = Callable[[int, int], object]

_KINDS = {
    lib.QCOW2STREAM_ERROR_FAILED: _errors.FailedError,
    lib.QCOW2STREAM_ERROR_USAGE: _errors.UsageError,
    lib.QCOW2STREAM_ERROR_CHANGED: _errors.ChangedError,
    lib.QCOW2STREAM_ERROR_MISMATCH: _errors.MismatchError,
    lib.QCOW2STREAM_ERROR_DAMAGED: _errors.DamagedError,
    lib.QCOW2STREAM_ERROR_CANCELLED: _errors.CancelledError,
    lib.QCOW2STREAM_ERROR_INTERNAL: _errors.InternalError,
}

# Options whose value may be left out: True stands for that.
_WITHOUT_VALUE = {"compress", "data-file", "shallow"}


def text(pointer: Any) -> str:
    """What a text of the library says. Names of files need not be UTF-8."""
    return os.fsdecode(ffi.string(pointer))


def version() -> str:
    """The version of the shared library."""
    return text(lib.qcow2stream_version())


def names(function: Callable[[int], Any]) -> list[str]:
    """All that a function tells for the numbers from 0 on."""
    result = []
    while function(len(result)) != ffi.NULL:
        result.append(text(function(len(result))))
    return result


def option_names() -> list[str]:
    """The options that the library knows: those of the programs, man qcow2-to-stdout and qcow2-from-stdin. In Python
    they are keywords, with _ in place of -.
    """
    return names(lib.qcow2stream_option_name)


def exception_of(error: Any) -> Exception:
    """The exception that an error of the library becomes; that is freed."""
    try:
        kind = lib.qcow2stream_error_get_kind(error)
        message = text(lib.qcow2stream_error_message(error))
        if kind == lib.QCOW2STREAM_ERROR_NO_MEMORY:
            return MemoryError(message)
        offset = ffi.new("uint64_t *")
        number = ffi.new("uint64_t *")
        has_offset = lib.qcow2stream_error_offset(error, offset)
        return _KINDS.get(kind, _errors.FailedError)(
            message,
            name=text(lib.qcow2stream_error_name(error)),
            what_failed=text(lib.qcow2stream_error_what_failed(error)),
            reason=text(lib.qcow2stream_error_reason(error)),
            number=lib.qcow2stream_error_errno(error) or None,
            offset=offset[0] if has_offset else None,
            subject=text(lib.qcow2stream_error_subject(error)),
            advice=text(lib.qcow2stream_error_advice(error, number)),
            advice_number=number[0],
        )
    finally:
        lib.qcow2stream_error_free(error)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function whose last parameter is for its error, and raises that."""
    error = ffi.new("qcow2stream_error **")
    result = function(*arguments, error)
    if error[0] != ffi.NULL:
        raise exception_of(error[0])
    return result


def call_watched(function: Callable[..., Any], *arguments: Any, progress: Optional[Progress]) -> Any:
    """The same for a function that tells how far it is.

    It is told in this thread. So a signal (KeyboardInterrupt) ends the function, also where nobody wants to know.
    """
    failures: list[BaseException] = []

    def tell(_context: Any, done: int, total: int) -> int:
        if progress is not None:
            progress(done, total)
        return 0

    def failed(_kind: Any, exception: BaseException, _traceback: Any) -> None:
        failures.append(exception)

    callback = ffi.callback("qcow2stream_progress", tell, error=1, onerror=failed)
    try:
        result = call(function, *arguments, callback, ffi.NULL)
    except _errors.CancelledError:
        if failures:
            raise failures[0] from None
        raise
    if failures:
        raise failures[0]
    return result


def _value(name: str, value: Any) -> bytes:
    if value is True and name in _WITHOUT_VALUE:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return b"%d" % value
    return os.fsencode(value)


def options_of(options: Mapping[str, Any]) -> Any:
    """A set of options by their names in Python. None stands for an option that is not set."""
    result = ffi.gc(call(lib.qcow2stream_options_new), lib.qcow2stream_options_free)
    for key, value in options.items():
        name = key.replace("_", "-")
        if value is not None:
            call(lib.qcow2stream_options_set, result, name.encode(), _value(name, value))
    return result

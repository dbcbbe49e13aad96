# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the package for Python share."""
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

KIB = 1024
MIB = 1024 * KIB

# A sanitizer that was preloaded for python3 is not for all that this starts.
for variable in ("LD_PRELOAD", "LD_LIBRARY_PATH"):
    os.environ.pop(variable, None)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that are the same each time and do not compress."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


@pytest.fixture(name="tool")
def _tool():
    """Runs the program, and returns what it writes."""

    def run(*arguments: object) -> bytes:
        words = [os.environ["QCOW2_TO_STDOUT"], *map(str, arguments)]
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout

    return run


@pytest.fixture(name="disk")
def _disk(tmp_path: Path) -> Path:
    """A disk of 24 MiB with data, zeros and holes."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(24 * MIB + 512)
        for number, offset in enumerate((0, 3 * MIB + 1000, 11 * MIB, 24 * MIB)):
            file.seek(offset)
            file.write(noise(min(2 * MIB, 24 * MIB + 512 - offset), number))
        file.seek(16 * MIB)
        file.write(bytes(2 * MIB))
    return path


@pytest.fixture(name="expected")
def _expected(tool, disk: Path) -> bytes:
    """The image of the disk, as the program makes it."""
    return tool(disk)


def need(*programs: str) -> None:
    """Skips the test where a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")

# SPDX-License-Identifier: GPL-2.0-or-later
"""pip install ./bindings/python, in the sources. The shared library is not in it."""
import re
from pathlib import Path

from setuptools import setup

TOP = Path(__file__).resolve().parents[2]
VERSION = re.search(r"^project\(.* VERSION ([0-9.]+) ", (TOP / "CMakeLists.txt").read_text(encoding="utf-8"), re.M)[1]

setup(
    name="qcow2stream",
    version=VERSION,
    description="The qcow2 image of a disk as a file that is never stored",
    license="GPL-2.0-or-later",
    packages=["qcow2stream"],
    package_data={"qcow2stream": ["py.typed"]},
    python_requires=">=3.9",
    install_requires=["cffi>=1.12"],
    cffi_modules=["declarations.py:ffi"],
)

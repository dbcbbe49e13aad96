#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes qcow2stream/_declarations.py of the header c.h: declarations.py HEADER OUTPUT

cffi's "out-of-line ABI mode". The result is plain Python: one package for every version of Python and every
processor, and a machine that only uses it needs no compiler. The other mode, which compiles a module in C, calls a
function some tenths of a microsecond faster, and has the compiler compare each declaration with the header. Here a
call makes at least some kilobytes of an image, and the declarations are the header itself, whose ABI a test guards.
"""
import re
import sys
from pathlib import Path

import cffi

MODULE = "qcow2stream._declarations"
HEADER = Path(__file__).resolve().parents[2] / "include" / "qcow2stream" / "c.h"


def declarations(header: Path = HEADER) -> cffi.FFI:
    """What the header declares, without what is the preprocessor's."""
    text = header.read_text(encoding="utf-8")
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    result = cffi.FFI()
    result.cdef(text)
    result.set_source(MODULE, None)
    return result


ffi = declarations(Path(sys.argv[1]) if __name__ == "__main__" else HEADER)

if __name__ == "__main__":
    ffi.emit_python_code(sys.argv[2])

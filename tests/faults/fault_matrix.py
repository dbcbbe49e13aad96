#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: fault_matrix.py TABLE

Prints one of the tables of what goes wrong, in which mode, and what comes of it; matrix.py says when a line is wrong. The
environment names the program (QCOW2_TO_STDOUT), the library that makes its system calls fail (FAULT_SHIM) and a program that
denies system calls (DENY_SYSCALLS). The status is 1 if a line is wrong, 77 if nothing can be tested here.
"""

import sys

sys.dont_write_bytecode = True

import table_files_beside  # noqa: E402
import table_input  # noqa: E402
import table_killed  # noqa: E402
import table_output  # noqa: E402
import table_plans  # noqa: E402
import table_readers  # noqa: E402
import table_resources  # noqa: E402
import table_run  # noqa: E402
import table_time  # noqa: E402
from beside import Beside  # noqa: E402
from matrix import Matrix, make  # noqa: E402
from sandbox import run_with_own_tmp  # noqa: E402

TABLES = {
    "files-beside": (table_files_beside.table, Beside),
    "input": (table_input.table, Matrix),
    "killed": (table_killed.table, Beside),
    "output": (table_output.table, Matrix),
    "plans": (table_plans.table, Beside),
    "readers": (table_readers.table, Matrix),
    "resources": (table_resources.table, Matrix),
    "resources-beside": (table_resources.table_beside, Beside),
    "run": (table_run.table, Beside),
    "time": (table_time.table, Matrix)}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TABLES:
        sys.exit(f"usage: fault_matrix.py TABLE, one of {', '.join(TABLES)}")
    run_with_own_tmp()
    make(*TABLES[sys.argv[1]])

# SPDX-License-Identifier: GPL-2.0-or-later
"""Where this reader is meant to differ from QEMU 7.2, and why. Anything else that differs is a bug.

A line is: the difference as `compare` tells it, what must be odd in the image, and the reason.
"""

import re

DIFFERENCES = [
    (r"only QEMU reads it: .* behind the end of the file",
     r"behind_end|file_cut|snapshot|cut_by_end|l1_|over_header|refcount_table_odd",
     "what starts behind the end, and a table that ends behind it, is damage and not zeros"),
    (r"only QEMU reads it: .*its L1 table lies over its header", r"l1_table_over_header",
     "a header is no table"),
    (r"only QEMU reads it: .*no format is recorded for it", r"backing",
     "a guest may have written what is in a raw file"),
    (r"the map has \[(\d+), \d+, 'data'\], not \[\1, ", r"data_ends_behind_end|file_cut|snapshot_(cut|last)",
     "the missing end of the last data cluster is told as zeros"),
    (r"only QEMU reads it: .*(its header is cut off|it ends within the name of its backing file)",
     r"file_cut_in_header",
     "a file that ends in its header is damaged"),
    (r"only QEMU refuses it: .*Input/output error", r"blob_(damaged|truncated|cut)",
     "libdeflate reads codes that deflate reserves"),
]


def expected(difference, odd):
    """Why there may be such a difference, or None."""
    for pattern, odd_pattern, reason in DIFFERENCES:
        if re.search(pattern, difference) and re.search(odd_pattern, " ".join(odd)):
            return reason
    return None

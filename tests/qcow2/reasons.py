# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of our reasons for a refusal goes with which of QEMU's."""

import re

# Ours, QEMU's. The first line whose pattern fits ours has to fit QEMU's, too.
REASONS = [
    # The header.
    (r"it does not begin as a qcow2 image does|its header is cut off",
     r"not in qcow2 format|header too short"),
    (r"unknown version", r"Unsupported qcow2 version"),
    (r"its clusters have 2\^", r"Unsupported cluster size"),
    (r"too small for subclusters", r"Unsupported subcluster size"),
    (r"its header is too short", r"header too short"),
    (r"its header is longer than a cluster", r"header exceeds cluster size"),
    (r"its refcounts have 2\^", r"Reference count entry width too large"),
    (r"compression type and the feature bit", r"Compression type incompatible feature bit"),
    (r"unknown compression type", r"unknown compression type"),
    (r"encrypted in an unknown way", r"Unsupported encryption method"),
    (r"it is encrypted", r"CRYPTO header|encrypt|AES|key"),
    (r"it needs what is not known here", r"Unsupported qcow2 feature"),
    (r"disk has too many bytes", r"too big|too large|Invalid argument|L1 table is too small"),
    (r"it has no refcount table|refcount table", r"[Rr]efcount table|[Rr]eference count table"),
    (r"L1 table of the snapshot", r"L1 table"),
    (r"its L1 table is too small for the disk", r"L1 table is too small|Image is too big"),
    (r"its L1 table is too large", r"L1 table too large"),
    (r"offset \d+ of its L1 table", r"L1 table offset invalid"),
    (r"L1 table (lies|ends) behind the end", r"L1 table|Input/output error"),
    (r"L1 table lies over its header", r"L1 table"),
    (r"snapshot table|snapshot",
     r"[Ss]napshot|extra metadata|Could not read|Input/output error"),
    # Extensions and names.
    (r"name of a format in it is too long", r"ext_backing_format: len=\d+ too large"),
    (r"extension of its header is longer|no room for the end of its extensions",
     r"Header extension too large"),
    (r"it has a key, and is not encrypted with LUKS", r"CRYPTO header extension only expected"),
    (r"bitmap", r"[Bb]itmap"),
    (r"keeps its data in another file", r"'data-file' is required"),
    (r"backing file lies behind the first cluster", r"Invalid backing file offset"),
    (r"name of its backing file", r"Backing file name too long|Could not read backing"),
    (r"its backing file has the format", r"Unknown driver"),
    (r"it is the backing file of", r"Could not open backing file"),
    (r"data file", r"data file|data-file|Data|Input/output error"),
    # Tables and clusters: QEMU tells some of them apart.
    (r"its subclusters are and are not there",
     r"Input/output error|Invalid cluster entry found"),
    (r"has the offset \d+ for its L2 table", r"L2 table offset .* unaligned"),
    (r"its offset \d+ is not that of a cluster", r"luster (allocation )?offset .* unaligned"),
    (r"its offset \d+ is not its own", r"External data file|data file"),
    (r"of zeros, unknown to version 2", r"Zero cluster entry found in pre-v3 image"),
    (r"behind the end of the file", r"Input/output error"),
    (r"compressed", r"Input/output error"),
]


def line_of(ours):
    return next((line for line in REASONS if re.search(line[0], ours)), None)


def difference(ours, qemu, oddities=1):
    """What is wrong where both refuse an image, or None. Of several oddities each of the two may
    have met another one first."""
    line = line_of(ours)
    if line is None:
        return f"no line for the reasons: {ours} | {qemu}"
    if re.search(line[1], qemu) or (oddities > 1 and any(re.search(i, qemu) for _, i in REASONS)):
        return None
    return f"refused for other reasons: {ours} | {qemu}"


def generalized(message):
    """A reason without the numbers and names of one image."""
    reason = message.split(": ", 1)[-1]
    return re.sub(r"0x[0-9a-f]+|\d+", "N", reason)[:90]

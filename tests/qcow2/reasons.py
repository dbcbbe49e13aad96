# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of our reasons for a refusal goes with which of QEMU's."""

import re

# Ours, QEMU's. The first line whose pattern fits ours must fit QEMU's, too.
REASONS = [
]


def difference(ours, qemu):
    """What is wrong where both refuse an image, or None."""
    for our_pattern, qemu_pattern in REASONS:
        if re.search(our_pattern, ours):
            return None if re.search(qemu_pattern, qemu) else f"refused for other reasons: {ours} | {qemu}"
    return f"no line for the reasons: {ours} | {qemu}"


def generalized(message):
    """A reason without the numbers and names of one image."""
    reason = message.split(": ", 1)[-1]
    return re.sub(r"\d+", "N", reason)[:90]

# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/run is made of: disks, measured runs, questions and their tables."""


class Skip(Exception):
    """Something cannot be measured here; the message says why."""

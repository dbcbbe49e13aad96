# SPDX-License-Identifier: GPL-2.0-or-later
"""What a question works with and answers with: rows for the table.

A row: what, ours, compared with, their value, ratio, target. A ratio that a target asks to be small
is ours / theirs, one that it asks to be large is theirs / ours.
"""

import dataclasses


@dataclasses.dataclass
class Row:
    what: str
    ours: float
    other: str
    theirs: float
    most: float = None   # target: ours / theirs at most
    least: float = None  # target: theirs / ours at least
    unit: str = "s"

    def ratio(self):
        return self.theirs / self.ours if self.least is not None else self.ours / self.theirs

    def met(self):
        if self.least is not None:
            return self.ratio() >= self.least
        return self.most is None or self.ratio() <= self.most


class Bench:
    """What the questions work with, and what they leave behind."""

    def __init__(self, disks, programs, runner, checks):
        self.disks, self.programs, self.runner, self.checks = disks, programs, runner, checks
        self.rows = []
        self.details = []  # (title, samples by label)
        self.growth = []
        self.notes = []

    def run(self, title, cells, check=None, **how):
        """`check`: (name, path) of the disk whose outputs are to be looked at first."""
        if check is not None:
            self.checks.check(*check, cells)
        samples = self.runner.interleave(title, cells, **how)
        self.details.append((title, samples))
        return samples

    def compare(self, what, samples, ours, other, key="seconds", **target):
        """Adds a row, unless the other one is not there."""
        if other in samples:
            self.rows.append(Row(what, samples[ours].median(key), other,
                                 samples[other].median(key), **target))

# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/results/ holds: of each group of competitors the newest measurement."""

import json
import statistics

MIB = 1 << 20


class Competitor:
    """Its runs within one group."""

    def __init__(self, label, runs):
        self.label, self.runs = label, runs

    def all(self, key="seconds"):
        """The first byte of what has no output comes when it has ended."""
        values = [run[key] for run in self.runs if key in run]
        return self.all("seconds") if not values and key == "first_byte_seconds" else values

    def median(self, key="seconds"):
        return statistics.median(self.all(key))

    @property
    def kind(self):
        """ours, floor or theirs; what only shows the way (--version) counts as a floor."""
        word = self.label.split()[0]
        return word if word in ("ours", "floor") else "floor" if word == "--version" else "theirs"


class Group:
    """Competitors that took turns in one run: only within a group can seconds be compared."""

    def __init__(self, name, record, source):
        self.name, self.source, self.machine = name, source, record["machine"]
        self.rounds = 0
        runs = {}
        for run in record["runs"]:
            if run["group"] == name:
                runs.setdefault(run["competitor"], []).append(run)
                self.rounds = max(self.rounds, run["round"] + 1)
        self.competitors = [Competitor(label, of_one) for label, of_one in runs.items()]


class Results:
    """All records of a folder. Those of --quick show nothing, and are left out unless `quick`."""

    def __init__(self, folder, quick=False):
        self.groups, self.growth, self.growth_source = {}, [], None
        for path in sorted(folder.glob("*.json"), key=lambda path: (path.stem[:10], len(path.stem), path.stem)):
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["arguments"]["quick"] and not quick:
                continue
            for name in dict.fromkeys(run["group"] for run in record["runs"]):
                self.groups[name] = Group(name, record, path.name)
            if record["growth"]:
                self.growth, self.growth_source = record["growth"], path.name

    def group(self, name):
        return self.groups.get(name)

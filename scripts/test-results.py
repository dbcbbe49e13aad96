#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Says what the tests of a run have not tested, and why, which failed, with their last words, and ends with a line
that counts:

    N passed, N failed, N skipped

    test-results.py FILE                          the results of ctest, as --output-junit writes them
    test-results.py --step NAME STATUS [FILE]...  those of several steps with their statuses

A step without tests counts as one, and so does a failure that no test explains.
"""

import argparse
import collections
import pathlib
import re
import sys
import xml.etree.ElementTree

LAST_WORDS = 6  # lines of a failed test's output
PARTLY = re.compile(r"^(.*?)\s*\|?\s*\bnot tested(?:, since)?: (.*)$")


def reason_of(case, output):
    """What a script says behind SKIP, GoogleTest below the place of the skip, anything else in its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith("SKIP: "):
            return line.removeprefix("SKIP: ")
        if line.endswith(": Skipped") and number + 1 < len(lines):
            return lines[number + 1]
    skipped = case.find("skipped")
    return lines[-1] if lines else skipped.get("message", "no reason") if skipped is not None else "no reason"


class Results:
    """Of one or more steps."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.reasons = {}  # what was not tested: names of tests
        self.failures = []  # names of tests with the lines that they ended with
        self.ran = True

    def not_tested(self, reason, name):
        names = self.reasons.setdefault(reason, [])
        if name not in names:
            names.append(name)

    @staticmethod
    def short(names):
        """Those that differ in their parameter alone are one: "Codec.Test/* (11)"."""
        count = collections.Counter(re.sub(r"/[^/ ]+(  # GetParam.*)?$", "/*", name) for name in names)
        return ", ".join(f"{name} ({n})" if n > 1 else name for name, n in count.items())

    def add_case(self, case):
        name, status = case.get("name"), case.get("status")
        output = case.findtext("system-out") or ""
        if status == "run":
            self.passed += 1
        elif case.find("failure") is not None or status == "fail":
            self.failed += 1
            lines = [line for line in output.splitlines() if line.strip()]
            self.failures.append((name, lines[-LAST_WORDS:]))
        else:
            self.skipped += 1
            self.not_tested(reason_of(case, output), name)
            return
        for line in output.splitlines():
            if part := PARTLY.match(line):
                self.not_tested(f"{part[1]}: {part[2]}" if part[1] else part[2], f"{name} (in part)")

    def add_file(self, path):
        cases = xml.etree.ElementTree.parse(path).iter("testcase")
        before = self.passed + self.failed
        for case in cases:
            self.add_case(case)
        self.ran = self.ran and self.passed + self.failed > before

    def add_step(self, status, path):
        failed = self.failed
        if path is not None and path.is_file():
            self.add_file(path)
        elif path is not None:
            self.ran = False
        elif status == 0:
            self.passed += 1
        if status != 0 and self.failed == failed:
            self.failed += 1

    def show(self):
        for reason, names in self.reasons.items():
            print(f"not tested: {reason}: {self.short(names)}")
        for name, lines in self.failures:
            print("\n".join([f"failed: {name}", *(f"    {line}" for line in lines)]))
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, nargs="?")
    parser.add_argument("--step", nargs="+", action="append", default=[], metavar="NAME STATUS FILE")
    arguments = parser.parse_args()
    results = Results()
    if arguments.file is not None:
        results.add_file(arguments.file)
    for _, status, *file in arguments.step:
        results.add_step(int(status), pathlib.Path(file[0]) if file else None)
    results.show()
    sys.exit(0 if results.ran else "no test ran")


if __name__ == "__main__":
    main()

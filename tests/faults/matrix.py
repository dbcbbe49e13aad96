# SPDX-License-Identifier: GPL-2.0-or-later
"""The table: something goes wrong in one way or another, the program runs in one mode or another, and a line says what came
of it. A line is wrong, and in the end the test, if
  status 0 comes with anything but the right image or with a message;
  another status comes with as many bytes as were announced, with bytes that are not those of the image, or with anything but
  one message in the program's form that counts the bytes right;
  a file or a process stays behind; it takes more than ten seconds.
"""

import enum
import functools
import itertools
import pathlib
import re
import subprocess
import sys

from sandbox import M, Sandbox, Skip

SURVIVED = (0, "")
SILENCE = None  # instead of a message's pattern
HALF, ALL_BUT_ONE = (lambda image: image // 2), (lambda image: image - 1)


def expand(modes):
    """(source, output) of each."""
    for mode in modes.split(" | "):
        sources, output = mode.split(maxsplit=1)
        for source in sources.split(","):
            yield source, output


class But(enum.Flag):
    """What is different from what a line says otherwise."""
    NOTHING = 0
    ALL_IS_WRITTEN = enum.auto()     # it fails after the last byte
    NOTHING_IS_WRITTEN = enum.auto()  # it fails before the first one
    READER_LEAVES = enum.auto()      # not all that is written is received; what a pipe holds may be lost
    STARTS_PROCESSES = enum.auto()   # the same after a failure only, which ends the command
    COUNT_LAGS = enum.auto()         # more may be received than the message counts
    REPORT_IS_LOST = enum.auto()     # nobody can read it
    COMMAND_ENDS = enum.auto()       # the program itself lives to report the end


class Matrix(Sandbox):
    """One table: each of its methods with an expectation (status, pattern of the message) adds a line."""

    def __init__(self):
        super().__init__()
        self.lines = self.problems = 0
        self.options = ""       # beside the image
        self.but = But.NOTHING  # of all lines until it is changed
        self.amount_of, self.said = None, {}  # of which mode, and what its last line said
        self.print_line("fault", "mode", "status", "bytes", "message", "left behind", "")

    # --- running ---

    def run(self, source, output, prefix=(), feed=None, **environment):
        """To its end: the run and its status."""
        if output not in ("pipe", "file") and "/" not in output:
            prefix, output = ["./odd_output.py", *output.split(), *prefix], "file"
        running = self.start(source, prefix, output="received" if output == "file" else output,
                             feed=feed or (self.disk if source.startswith("stdin") else None),
                             environment={**self.environment, **environment})
        return running, running.finish()

    def row(self, faults, modes, expected, what=None, file="no such file", prefix=None, but=But.NOTHING, feed=None, **values):
        """A line for each of the modes, "SOURCE,SOURCE OUTPUT | ...", and each of the values, which stand in braces in what is
        said of faults, pattern and `what`; a value may be a function of the image's size. `faults`: system calls that
        fail (tests/tools/fault_shim.cc); the calls named file-... are about `file`. Without faults or with a prefix the
        program runs as it is.
        """
        default = faults if file == "no such file" else f"{file}: {faults}"
        if prefix is None:
            # io_uring does not go through the C library.
            prefix = ["./deny-syscalls", "EPERM", "io_uring_setup", "env", f"LD_PRELOAD={self.directory}/shim.so",
                      "FAULTS={faults}"] if faults else []
        for numbers in itertools.product(*values.values()):
            for source, output in expand(modes):
                named = {"options": self.options} | {name: value(len(self.wanted[source])) if callable(value) else value
                         for name, value in zip(values, numbers)}
                in_words = (lambda text: functools.reduce(
                    lambda made, name: made.replace(f"{{{name}}}", str(named[name])), named, text))
                running, status = self.run(source, output, [word.replace("{faults}", in_words(faults)) for word in prefix],
                                           feed, FAULT_FILE=str(file))
                self.judge(in_words(what or default), source, output, running.received, status,
                           (expected[0], in_words(expected[1])), but)

    # --- judging ---

    def judge(self, what, source, output, received, status, expected, but=But.NOTHING):
        but |= self.but
        wanted_status, pattern = expected
        wanted, stderr = self.wanted[source], pathlib.Path("stderr").read_text(errors="replace")
        left = self.left_behind(source.startswith("q") or But.STARTS_PROCESSES in but)
        problems = []
        if not re.fullmatch(str(wanted_status), str(status)):
            problems.append("status")
        if status == 124:
            problems.append("time")
        if status == 0:
            if stderr:
                problems.append("message")
            if But.READER_LEAVES in but:
                if len(wanted) - len(received) > M:
                    problems.append("success")
            elif received != wanted:
                problems.append("image")
        else:
            if But.ALL_IS_WRITTEN not in but and len(received) >= len(wanted):
                problems.append("not-shorter")
            if But.NOTHING_IS_WRITTEN in but and received:
                problems.append("too-late")
            if stderr if pattern is SILENCE else not self.is_right_message(stderr, pattern, len(received), len(wanted), but):
                problems.append("message")
        if not wanted.startswith(received):
            problems.append("bytes")
        more_problems, more_left = self.judge_beside(source, received, status, but)
        left += more_left
        problems += more_problems + ["left-behind"] * bool(left)
        message = "~".join(line[17:150] for line in stderr.split("\n"))
        self.print_line(what, f"{source} to {output}", status, f"{len(received)} of {len(wanted)}", message,
                               left or "nothing", " ".join(problems))

    @staticmethod
    def is_right_message(stderr, pattern, written, announced, but):
        if stderr.count("\n") != 1 or not re.match("qcow2-to-stdout: .+: .", stderr) or \
                not re.search(pattern, stderr, re.IGNORECASE | re.MULTILINE) or \
                re.search("terminate|std::|bad_alloc|[Ii]nvalid state", stderr):
            return False
        count = re.search(r"incomplete \((\d+) of (\d+) bytes\)", stderr)
        lax = But.READER_LEAVES | But.STARTS_PROCESSES | But.COUNT_LAGS
        return count is None or bool(but & lax) or (int(count[1]), int(count[2])) == (written, announced)

    def judge_beside(self, source, received, status, but):
        """(Problems, what is left behind) of files beside the image."""
        return [], ""

    def print_line(self, what, mode, status, size, message, left, problem):
        self.lines += 1
        self.problems += bool(problem)
        said = f"{status} {re.sub('[0-9]+', 'N', message)}"
        if problem or self.said.get(self.amount_of) != said:
            print(f"{what:46} | {mode:22} | {status:>6} | {size:>18} | {message} | {left}" +
                  (f"  <-- WRONG: {problem}" if problem else ""), flush=True)
        if self.amount_of is not None:
            self.said[self.amount_of] = said

    # --- from too little to enough ---

    def from_too_little(self, amounts, modes, status="[01]"):
        """`amounts`: (what, prefix) of each. Every mode, SOURCE [OPTION...], has to fail well or be right, and to be right in
        the end. A line that says what the one before it said is not printed.
        """
        self.said = {}
        for what, prefix in amounts:
            for self.amount_of in modes:
                source, _, options = self.amount_of.partition(" ")
                self.use(options)
                running, result = self.run(source, "pipe", prefix)
                # Before our first line: what the loader says.
                if result != 127 or "while loading shared libraries" not in pathlib.Path("stderr").read_text():
                    self.judge(f"{what}, {options}" if options else what, source, "pipe", running.received, result,
                               (status, ""))
        self.amount_of = None
        for mode, said in self.said.items():
            if not said.startswith("0 "):
                sys.exit(f"FAIL: {mode} has failed with every {amounts[-1][0]}: {said}")

    def use(self, options):
        """What is written beside the image from here on."""

    def least_memory(self):
        """How many MiB of address space --version needs, without a word from a library that begins before it."""
        mebibytes = 16
        while not self.is_silent("prlimit", f"--as={mebibytes * M}", self.program, "--version"):
            mebibytes += 1
        return mebibytes

    @staticmethod
    def is_silent(*words):
        """Whether it succeeds and has nothing to complain of."""
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        return done.returncode == 0 and not done.stderr


def make(table, matrix):
    """Makes the table and ends the test."""
    try:
        made = matrix()
    except Skip as skip:
        print(f"SKIP: {skip}")
        sys.exit(77)
    table(made)
    if made.problems:
        sys.exit(f"FAIL: {made.problems} of {made.lines} lines are wrong")

# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix with options that write something beside the image, or have a command read it. A line is wrong, too, if
  there is a digest after a failure, or after success another one than that of the image;
  there is a plan that is not complete;
  the report does not end with the status, though it can be written;
  there is progress to 100/100 after a failure, or not after success;
  the command of --run has seen the end of an image that is not complete;
  another file stays behind beside the image.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

from matrix import But, Matrix

DIGEST, PLAN, REPORT, LINES, END = (pathlib.Path("beside", name) for name in ("sum", "plan", "report", "lines", "end"))
OLD = {DIGEST: "MD5 (of yesterday) = 00\n", PLAN: "qcow2-to-stdout plan of yesterday\n", REPORT: '{"event":"of yesterday"}\n'}
FILES = "digest save-plan report progress"


def text_of(path):
    return path.read_text(errors="replace") if path.exists() else None


class Beside(Matrix):
    def __init__(self):
        super().__init__()
        pathlib.Path(self.mark, "nothing").touch()
        # What the command writes to its standard output goes to ours.
        self.usual_command = self.command = f"cat {self.mark}/nothing - && touch beside/end"
        self.option_words = {
            "digest": ["--digest", f"sha256={DIGEST}"],
            "save-plan": ["--save-plan", str(PLAN)],
            "plan": ["--plan", "raw.plan"],
            "report": ["--report", str(REPORT)],
            "flush": ["--flush"]}
        self.is_old = False           # the files were there before
        self.lines_go_to = str(LINES)  # the progress
        for source in ("raw", "compress"):
            self.measure(source, "--save-plan", f"{source}.plan", "--measure=size")

    def use(self, options, command=None):
        """What is run from here on has these: keys of option_words, "progress" and "run" with a command."""
        self.options, self.command = options, command or self.usual_command

    def has(self, option):
        return option in self.options.split()

    def start(self, source, prefix=(), words=(), **how):
        shutil.rmtree("beside", ignore_errors=True)
        os.mkdir("beside")
        for path, text in OLD.items() if self.is_old else ():
            path.write_text(text)
        words = [word for option in self.options.split() for word in self.option_words.get(option, [])]
        lines = None
        if self.has("progress"):
            lines = os.open(self.lines_go_to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            words.append(f"--progress={lines}")
        if self.has("run"):
            words += ["--run", self.command]
        running = super().start(source, prefix, words, keep=() if lines is None else (lines,), **how)
        if lines is not None:
            os.close(lines)
        return running

    # --- judging ---

    def judge(self, what, source, output, received, status, expected, but=But.NOTHING):
        if self.has("run"):
            but |= But.STARTS_PROCESSES
            # What the shell says, and with too little of something the command, is not ours.
            foreign = "" if self.amount_of else "sh: "
            lines = pathlib.Path("stderr").read_text().splitlines(keepends=True)
            pathlib.Path("stderr").write_text("".join(
                line for line in lines if line.startswith("qcow2-to-stdout: ") or not line.startswith(foreign)))
        super().judge(what, source, output, received, status, expected, but)

    def judge_beside(self, source, received, status, but):
        problems, left = [], ""
        for option, function in (("digest", self.digest_is_right), ("save-plan", self.plan_is_right),
                                 ("report", self.report_is_right), ("progress", self.lines_are_right),
                                 ("run", self.command_is_right)):
            if self.has(option) and not function(source, received, status, but):
                problems.append(option)
        if not self.is_old and status not in (0, 137):
            left += "the digest's file " if self.has("digest") and DIGEST.exists() else ""
            left += "a piece of the plan " if self.has("save-plan") and PLAN.exists() and \
                not self.plan_is_complete(source) else ""
        known = {path.name for path in (*OLD, LINES, END)}
        return problems, left + " ".join(name for name in os.listdir("beside") if name not in known)

    # An old digest goes when the image begins.
    def digest_is_right(self, _, received, status, __):
        text = text_of(DIGEST)
        if status == 0:
            sha256 = hashlib.sha256(received).hexdigest()
            return text is not None and sha256 in text.split()
        return not text or status != 137 and self.is_old and not received and text == OLD[DIGEST]

    @staticmethod
    def plan_is_complete(source):
        plan = pathlib.Path(f"{source}.plan")
        return PLAN.exists() and plan.exists() and PLAN.read_bytes() == plan.read_bytes()

    def plan_is_right(self, source, _, status, __):
        if status == 0 or self.plan_is_complete(source):
            return self.plan_is_complete(source)
        if status == 137:
            return not text_of(PLAN)
        return not self.is_old or subprocess.run(
            [self.program, "-q", "--plan", PLAN, "--assume-unchanged", "disk.raw"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=self.environment, check=False).returncode != 0

    @staticmethod
    def report_is_right(_, __, status, but):
        if But.REPORT_IS_LOST in but:
            return True
        events = [json.loads(line) for line in (text_of(REPORT) or "").splitlines()]
        ends = [event for event in events if event["event"] == "end"]
        if status == 137 and But.COMMAND_ENDS not in but:
            return not ends
        return len(ends) == 1 and events[-1] is ends[0] and ends[0]["status"] == status

    def lines_are_right(self, _, __, status, ___):
        return self.lines_go_to != str(LINES) or ("100/100" in (text_of(LINES) or "").split("\n")) == (status == 0)

    def command_is_right(self, source, received, status, _):
        return received == self.wanted[source] if END.exists() else status != 0

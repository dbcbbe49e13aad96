#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: options.py [--bless]

Compares what the program makes with options.json: extended L2 entries, increments, data files, dirty bitmaps,
swap space that is left out, the root behind the image and manifests, the disk itself. QCOW2_TO_STDOUT names
the program under test. Disks that are made by commands need QEMU's programs, and what is left out a kernel
that can confine a process: without them their cases are skipped, and the exit status is 77.

In the options of a case, {NAME} is the file NAME of one directory, which has all disks. "files" are those that
the case makes beside the image. After a change that is meant, --bless writes the list anew, with images that
show, by QEMU, the disk of the case, or the one that "shows" names; "base" is an increment's.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from made import found, read_list, write_disk, write_list

LIST = pathlib.Path(__file__).with_name("options.json")
DATA_FILE = "data.raw"  # the name that images record


class Skipped(Exception):
    """The case proves nothing here."""


def words(text, directory):
    named = re.sub(r"\{(\S+?)\}", lambda match: shlex.quote(str(directory / match[1])), text)
    return shlex.split(named)


def make(disk, directory):
    path = directory / disk["name"]
    if "runs" in disk:
        write_disk(disk, path)
        return
    commands = [words(line, directory) for line in disk["commands"]]
    for program in {command[0] for command in commands}:
        if shutil.which(program) is None:
            raise Skipped(program + " is not installed")
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def run(case, directory):
    """What the program makes for the case: the image, and the files beside it."""
    command = [os.environ["QCOW2_TO_STDOUT"], "-q", *words(case["options"], directory),
               str(directory / case["disk"])]
    done = subprocess.run(command, capture_output=True, check=False)
    message = done.stderr.decode(errors="replace").strip()
    if "cannot be isolated" in message:
        raise Skipped(message)
    if done.returncode != 0 or message:
        sys.exit("options: %s: status %d: %s" % (" ".join(command), done.returncode, message))
    return done.stdout, {name: found((directory / name).read_bytes()) for name in case.get("files", [])}


def judge(image, case, lists, directory):
    """Only an image that QEMU finds to be good is worth keeping."""
    def qemu_img(*command):
        subprocess.run(["qemu-img", *command], check=True, cwd=directory)

    path, shown = directory / "image", case.get("shows", case["disk"])
    path.write_bytes(image)
    (directory / DATA_FILE).unlink(missing_ok=True)
    (directory / DATA_FILE).symlink_to(directory / case["disk"])
    form = "raw" if "-O raw" in case["options"] else "qcow2"
    if "base" in case:
        qemu_img("rebase", "-q", "-u", "-f", form, "-F", "raw", "-b", directory / case["base"], path)
    if form == "qcow2":
        qemu_img("check", "-q", "-f", form, path)
    is_raw = any(disk["name"] == shown and "runs" in disk for disk in lists["disks"])
    qemu_img("compare", "-q", "-f", "raw" if is_raw else "qcow2", "-F", form, directory / shown, path)


def visit(lists, bless, directory):
    """Counts of good and of skipped cases."""
    missing, good, skipped = {}, 0, 0
    for disk in lists["disks"]:
        try:
            make(disk, directory)
        except Skipped as why:
            missing[disk["name"]] = why
    for case in lists["cases"]:
        try:
            if case["disk"] in missing:
                raise missing[case["disk"]]
            image, files = run(case, directory)
        except Skipped as why:
            print("skipped: %s of %s: %s" % (case["options"], case["disk"], why))
            skipped += 1
            continue
        if bless:
            judge(image, case, lists, directory)
            case.update(found(image), **({"files": files} if files else {}))
        made = {**found(image), **({"files": files} if files else {})}
        wanted = {key: case.get(key) for key in made}
        good += made == wanted
        if made != wanted:
            print("%s of %s: %s instead of %s" % (case["options"], case["disk"], made, wanted))
    return good, skipped


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--bless", action="store_true")
    bless = parser.parse_args().bless
    lists = read_list(LIST)
    with tempfile.TemporaryDirectory(prefix="qcow2-to-stdout.") as directory:
        good, skipped = visit(lists, bless, pathlib.Path(directory))
    total = len(lists["cases"])
    print("options: %d of %d, %d skipped" % (good, total, skipped))
    if bless and not skipped:
        write_list(LIST, lists)
    if good + skipped < total or total == 0:
        sys.exit(1)
    sys.exit(77 if skipped else 0)


main()

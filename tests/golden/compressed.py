#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: compressed.py [--bless]

Compares the size and the SHA-256 of compressed images with those that compressed.json lists. What makes
the bytes is noted there, too: libraries, their versions, and a fingerprint of what they make. Where that
is something else here, a case proves nothing and is skipped; the exit status is then 77. QCOW2_TO_STDOUT
names the program under test, CODEC_VERSIONS the one that tells what the libraries are.

After a change that is meant, --bless writes the list anew, with images that QEMU finds to be good:

    QCOW2_TO_STDOUT=build/bin/qcow2-to-stdout CODEC_VERSIONS=build/bin/codec-versions \\
        tests/golden/compressed.py --bless
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from made import found, read_list, write_disk, write_list

LIST = pathlib.Path(__file__).with_name("compressed.json")


def codecs(program):
    """What makes the bytes, by the options that ask for it."""
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return dict(line.split("\t") for line in lines.splitlines())


def convert(program, case, path):
    command = [program, "-f", "raw", *case["compress"].split(), *case["geometry"].split(), str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0 or done.stderr:
        sys.exit("compressed: %s: status %d: %s" % (" ".join(command), done.returncode,
                                                    done.stderr.decode(errors="replace").strip()))
    return done.stdout


def judge(image, disk):
    """Only an image that QEMU finds to be good is worth keeping."""
    path = disk.with_suffix(".qcow2")
    path.write_bytes(image)
    for command in (["check", "-q", "-f", "qcow2", path],
                    ["compare", "-q", "-f", "raw", "-F", "qcow2", disk, path]):
        subprocess.run(["qemu-img", *command], check=True)


def visit(lists, bless):
    """Counts of good and of skipped cases."""
    program, here = os.environ["QCOW2_TO_STDOUT"], codecs(os.environ["CODEC_VERSIONS"])
    good, skipped = 0, 0
    with tempfile.TemporaryDirectory(prefix="qcow2-to-stdout.") as directory:
        for disk in lists["disks"]:
            path = pathlib.Path(directory, disk["name"] + ".raw")
            write_disk(disk, path)
            for case in lists["cases"]:
                if case["disk"] != disk["name"]:
                    continue
                codec = here[case["compress"]]
                if not bless and codec != case["codec"]:
                    print("skipped: %s is %s here, %s in the list" % (case["compress"], codec,
                                                                     case["codec"]))
                    skipped += 1
                    continue
                image = convert(program, case, path)
                if bless:
                    judge(image, path)
                    case.update(codec=codec, **found(image))
                wanted = {key: case[key] for key in ("size", "sha256")}
                if found(image) == wanted:
                    good += 1
                else:
                    print("%s %s of %s: %s instead of %s" % (case["compress"], case["geometry"],
                                                             disk["name"], found(image), wanted))
    return good, skipped


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--bless", action="store_true")
    bless = parser.parse_args().bless
    lists = read_list(LIST)
    good, skipped = visit(lists, bless)
    total = len(lists["cases"])
    print("compressed: %d of %d, %d skipped" % (good, total, skipped))
    if bless:
        write_list(LIST, lists)
    if good + skipped < total or total == 0:
        sys.exit(1)
    sys.exit(77 if skipped else 0)


main()

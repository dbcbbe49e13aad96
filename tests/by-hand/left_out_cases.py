# SPDX-License-Identifier: GPL-2.0-or-later
"""What left_out_ext.py and left_out_ntfs.py share: many random file systems, one after the other, and what came of them."""

import argparse
import collections
import json
import os
import random as randomness
import shutil
import subprocess

from file_systems import run


def said():
    """The options of both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=randomness.randrange(1 << 30))
    parser.add_argument("--flips", type=int, default=0)
    return parser.parse_args()


def flip(form, every, case):
    """Flips one byte in `every` of what an examination as the format reads."""
    done = run(os.environ["FLIPPED_METADATA"], "--as", form, "--every", every, "--first", case.random.randrange(every),
               "--mask", case.random.choice([255, 1, 128, 16]), case.image, check=False)
    if done.returncode != 0:
        raise RuntimeError("flips: " + done.stdout + done.stderr)
    for key, value in json.loads(done.stdout).items():
        if key != "wrong":
            case.tally["flips: " + key] += value


def wrong_cases(form, arguments, make_case):
    """How many are wrong; which these are, and how the others are, is printed. A case is of a seed and a tally. It has
    make(), which returns its size, live_in(size), check(), and every_to_flip(size), which is None if it is too large."""
    print("seed", arguments.seed, flush=True)
    tally, wrong = collections.Counter(), 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        case = make_case(seed, tally)
        try:
            size = case.make()
            case.live_in(size)
            case.check()
            if tally["flipped"] < arguments.flips and (every := case.every_to_flip(size)):
                tally["flipped"] += 1
                flip(form, every, case)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            wrong += 1
            print(f"seed {seed}: {' '.join(map(str, case.options))}: {error}", flush=True)
            shutil.copyfile(case.image, f"/tmp/left-out-{form}-{seed}")
    for key, value in sorted(tally.items()):
        print(f"{key}: {value}")
    print(f"{arguments.count} file systems, {wrong} wrong")
    return wrong

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of file systems by hand share: random files, what a tree holds, mounts, runs of bytes."""

import contextlib
import hashlib
import json
import os
import pathlib
import stat
import subprocess

os.environ["PATH"] += ":/usr/sbin:/sbin"
KIB = 1024
MIB = 1024 * KIB


def run(*words, check=True, **keywords):
    """The output of a command."""
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True, **keywords)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done


def examined(image, *options):
    """What tests/tools/free_runs.cc says of an image."""
    return json.loads(run(os.environ["FREE_RUNS"], *options, image).stdout)


@contextlib.contextmanager
def mounted(image, folder, *options):
    """A file system on a loop device or, if the options say so, in user space."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    run("mount", *(options or ("-o", "loop")), image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def loop_mounts_work(image, folder):
    with contextlib.suppress(RuntimeError, OSError):
        with mounted(image, folder):
            return True
    return False


# --- runs of bytes: lists of (begin, end), in order, that do not touch ---------------------------------------------------


def joined(runs):
    out = []
    for begin, end in sorted(runs):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def length_of(runs):
    return sum(end - begin for begin, end in runs)


def common(some, others):
    out = []
    i = j = 0
    while i < len(some) and j < len(others):
        begin, end = max(some[i][0], others[j][0]), min(some[i][1], others[j][1])
        if begin < end:
            out.append((begin, end))
        if some[i][1] < others[j][1]:
            i += 1
        else:
            j += 1
    return out


def beyond(some, others):
    """How many bytes of `some` are not in `others`."""
    return length_of(some) - length_of(common(some, others))


# --- files ------------------------------------------------------------------------------------------------------------------


def written(random, path, size, pieces):
    """A file whose content depends on its name, in pieces, some of which may be left out as holes."""
    with open(path, "wb") as file:
        at = 0
        while at < size:
            length = min(size - at, random.randrange(1, max(2, size // pieces + 1)))
            if random.random() < 0.15:
                file.seek(length, os.SEEK_CUR)
            else:
                file.write(random.randbytes(length))
            at += length
        file.truncate(at)


def random_life(random, root, room, steps, punch=True, xattrs=True):
    """Files written, changed, linked, moved and deleted below `root`, which has about `room` bytes."""
    files, folders, number = [], [root], 0
    for _ in range(steps):
        what = random.random()
        with contextlib.suppress(OSError):
            if what < 0.45 or not files:
                number += 1
                path = random.choice(folders) / f"{'long-name-' * random.randrange(0, 8)}{number}"
                size = int(room ** random.uniform(0.2, 0.88))
                files.append(path)
                written(random, path, size, random.choice([1, 3, 20]))
                if xattrs and random.random() < 0.2:
                    os.setxattr(path, "user.test", random.randbytes(random.choice([10, 200, 900])))
            elif what < 0.55:
                number += 1
                folder = random.choice(folders) / f"folder-{number}"
                folder.mkdir()
                folders.append(folder)
            elif what < 0.75:
                files.pop(random.randrange(len(files))).unlink()
            elif what < 0.80:
                path = random.choice(files)
                os.truncate(path, int(path.stat().st_size * random.uniform(0, 1.5)))
            elif what < 0.85 and punch:
                path = random.choice(files)
                size = path.stat().st_size
                run("fallocate", "-p", "-o", random.randrange(size + 1), "-l", random.randrange(1, size + 2), path, check=False)
            elif what < 0.88:
                number += 1
                path = random.choice(folders) / f"link-{number}"
                os.link(random.choice(files), path)
                files.append(path)
            elif what < 0.91:
                number += 1
                (random.choice(folders) / f"symbolic-{number}").symlink_to("x" * random.choice([5, 59, 60, 200]))
            elif what < 0.95:
                with open(random.choice(files), "r+b") as file:
                    file.seek(random.randrange(room // 4))
                    file.write(random.randbytes(random.randrange(1, 50000)))
            elif what < 0.97 and punch:
                number += 1
                path = random.choice(folders) / f"allocated-{number}"
                files.append(path)
                path.touch()
                run("fallocate", "-l", random.randrange(1, room // 20), path, check=False)
            else:
                run("sync", "-f", root)


def tree_of(root):
    """Everything that a tree holds: names, kinds, content, extended attributes."""
    out = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            key = os.path.relpath(path, root)
            entry = [stat.S_IFMT(status.st_mode), status.st_mode, status.st_nlink]
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    entry += [status.st_size, hashlib.sha256(file.read()).hexdigest()]
            elif stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            with contextlib.suppress(OSError):
                entry.append([(n, os.getxattr(path, n, follow_symlinks=False).hex())
                              for n in sorted(os.listxattr(path, follow_symlinks=False))])
            out[key] = entry
    return out

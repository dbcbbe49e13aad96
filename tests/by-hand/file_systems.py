# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of file systems by hand share: random files, what a tree holds, mounts, runs of bytes."""

import contextlib
import hashlib
import json
import os
import pathlib
import stat
import subprocess
import time

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


# How an image may be made: what is left out is the same whichever it is.
WAYS = [[], [], ["--scan", "holes"], ["--compress"], ["--compress=zstd"], ["--extended-l2"], ["-v", "2"]]


def through_the_program(random, image, copy, kinds="free"):
    """`copy` becomes what is restored of an image of `image` without these kinds. False if QCOW2_TO_STDOUT does not name
    the program."""
    to_stdout = os.environ.get("QCOW2_TO_STDOUT")
    if not to_stdout:
        return False
    from_stdin = os.environ.get("QCOW2_FROM_STDIN") or os.path.join(os.path.dirname(to_stdout), "qcow2-from-stdin")
    way = random.choice(WAYS)
    cluster = random.choice(["16k", "64k"] if way == ["--extended-l2"] else ["512", "4k", "64k"])
    pathlib.Path(copy).unlink(missing_ok=True)
    line = 'to=$1 from=$2 image=$3 copy=$4; shift 4; "$to" -q "$@" "$image" | "$from" -q "$copy"'
    run("bash", "-o", "pipefail", "-c", line, "-", to_stdout, from_stdin, image, copy, "--leave-out", kinds, "-c", cluster, *way)
    return True


def changed_runs(image, copy, piece=512):
    """The runs of bytes in which the two differ, by pieces, which must be zeros in `copy`."""
    runs, at = [], 0
    with open(image, "rb") as one, open(copy, "rb") as other:
        while True:
            a, b = one.read(MIB), other.read(MIB)
            if len(a) != len(b):
                raise RuntimeError("the restored disk has another size")
            if not a:
                return joined(runs)
            if a != b:
                for i in range(0, len(a), piece):
                    if a[i : i + piece] != b[i : i + piece]:
                        if b[i : i + piece].strip(b"\0"):
                            raise RuntimeError(f"other bytes at {at + i}")
                        runs.append((at + i, at + i + piece))
            at += len(a)


def leave_out(random, image, kind, left_out, tally):
    """The image becomes what is restored of it, by way of the program where there is one. `left_out`: where it may change."""
    restored = image.with_name("restored")
    if not through_the_program(random, image, restored):
        examined(image, "--as", kind, "--zero")
        return
    changed = changed_runs(image, restored)
    if beyond(changed, left_out) > 0:
        raise RuntimeError(f"{beyond(changed, left_out)} bytes have changed that are not left out")
    tally["through the program"] += 1
    tally["bytes that became zeros"] += length_of(changed)
    restored.replace(image)


def unmount(image, folder):
    """Another process that has begun in the meantime in a mount namespace of its own may still hold the file system: then
    it goes on after umount, and what is on the disk is not what it will be."""
    run("umount", folder)
    end = time.monotonic() + 60
    while run("losetup", "-j", image).stdout:
        if time.monotonic() > end:
            raise RuntimeError("another process holds the file system")
        time.sleep(0.05)


@contextlib.contextmanager
def mounted(image, folder, *options):
    """A file system on a loop device or, if the options say so, in user space."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    run("mount", *(options or ("-o", "loop")), image, folder)
    try:
        yield folder
    finally:
        unmount(image, folder)


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

# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that QEMU makes, of a seed: options, chains, and what is done to them are drawn by lot."""

import functools
import os
import random
import subprocess

KIB = 1024
MIB = 1024 * KIB

OPTIONS = {
    "cluster_size": [512 << i for i in range(13)],
    "version": [2, 3],
    "refcount_bits": [1, 2, 4, 8, 16, 32, 64],
    "extended_l2": [False, True],
    "compression_type": ["zlib", "zstd"],
    "lazy_refcounts": [False, True],
    "data_file": ["no", "yes", "raw"],
    "preallocation": ["off", "metadata", "falloc", "full"],
    "backing": ["none", "raw", "qcow2", "chain"],
    "size": ["sectors", "clusters", "large"],
    "end": ["closed", "killed", "converted", "committed", "rebased"],
}


def allowed(option, value, chosen):
    """Whether QEMU makes images with this value next to what has been chosen already."""
    version = chosen.get("version", 3)
    if version == 2 and ((option == "refcount_bits" and value != 16)
                         or (option == "compression_type" and value != "zlib")
                         or (option in ("extended_l2", "lazy_refcounts") and value)
                         or (option == "data_file" and value != "no")):
        return False
    if option == "extended_l2" and value and chosen["cluster_size"] < 16 * KIB:
        return False
    if option == "preallocation" and value != "off" and chosen.get("data_file") == "raw":
        return value == "metadata"  # which QEMU then does by itself
    if option == "backing" and value != "none":
        if chosen.get("data_file") == "raw":
            return False
        if chosen.get("preallocation") != "off" and not chosen.get("extended_l2"):
            return False
    if option == "end":
        if value in ("committed", "rebased") and chosen["backing"] == "none":
            return False
        if value == "killed" and not chosen["lazy_refcounts"]:
            return False
    return True


def draw(lots):
    chosen = {}
    for option, values in OPTIONS.items():
        chosen[option] = lots.choice([v for v in values if allowed(option, v, chosen)])
    return chosen


@functools.cache
def possible_pairs():
    """All pairs of values that an image can have, found by drawing many."""
    pairs = set()
    for seed in range(20000):
        pairs.update(pairs_of(draw(random.Random(-1 - seed))))
    return pairs


def pairs_of(chosen):
    items = sorted(chosen.items(), key=lambda item: item[0])
    return {(a, b) for i, a in enumerate(items) for b in items[i + 1:]}


class Generator:
    """Makes the image of one seed in a directory; `log` has the commands."""

    def __init__(self, seed, directory):
        self.lots = random.Random(seed)
        self.directory = directory
        self.log = []
        self.options = draw(self.lots)
        self.count = 0
        self.noise = os.path.join(directory, "noise")
        with open(self.noise, "wb") as file:
            file.write(self.lots.randbytes(70000))

    def run(self, *command):
        """What QEMU refuses to do is left undone: an image is there all the same."""
        self.log.append(" ".join(f"'{word}'" if " " in word else word for word in command))
        return subprocess.run(command, cwd=self.directory, capture_output=True,
                              check=False).returncode == 0

    def make(self):
        lots = self.lots
        base = self.make_base()
        name = self.make_image(self.options, base)
        self.change(name, self.options)
        if lots.random() < 0.25:
            self.run("qemu-img", "snapshot", "-q", "-c", "first", name)
            self.change(name, self.options)
            if lots.random() < 0.3:
                self.run("qemu-img", "snapshot", "-q", lots.choice(["-a", "-d"]), "first", name)
        end = self.options["end"]
        if end == "converted":
            return self.converted(name)
        if end == "committed" and base is not None:
            self.run("qemu-img", "commit", "-q", "-f", "qcow2", name)
        if end == "rebased" and base is not None:
            self.rebase(name)
        if end == "killed":
            self.change(name, self.options, killed=True)
        return name

    def is_for_libqcow(self):
        """Whether the image has only what libqcow reads as it is; see READERS in the manual."""
        return (self.options["backing"] == "none" and self.options["data_file"] == "no"
                and self.options["compression_type"] == "zlib" and not self.options["extended_l2"])

    # --- images ---

    def new_name(self, ending):
        self.count += 1
        return f"{self.count}.{ending}"

    def size(self, options):
        lots = self.lots
        if options["size"] == "sectors":
            return lots.randrange(1, 8 * MIB // 512) * 512
        if options["size"] == "clusters":
            return lots.randrange(1, 9) * max(options["cluster_size"], 64 * KIB)
        return lots.randrange(1, 5) * 64 * MIB + lots.randrange(0, 2) * 512

    def make_base(self):
        """The name and the format of what is below, or None."""
        kind = self.options["backing"]
        if kind == "none":
            return None
        if kind == "raw":
            return self.make_raw()
        below = self.make_raw() if self.lots.random() < 0.3 else None
        for _ in range(1 if kind == "qcow2" else self.lots.randrange(2, 5)):
            options = draw(self.lots)
            while options["data_file"] == "raw" or options["preallocation"] != "off":
                options = draw(self.lots)
            name = self.make_image(options, below)
            self.change(name, options)
            below = (name, "qcow2")
        return below

    def make_raw(self):
        name = self.new_name("raw")
        size = self.lots.randrange(1, 4 * MIB // 512) * 512
        with open(os.path.join(self.directory, name), "wb") as file:
            file.truncate(size)
            for _ in range(self.lots.randrange(0, 5)):
                file.seek(self.lots.randrange(0, size))
                file.write(self.lots.randbytes(min(9000, size - file.tell())))
        return (name, "raw")

    def make_image(self, options, base):
        name = self.new_name("qcow2")
        words = [f"cluster_size={options['cluster_size']}",
                 f"compat={'0.10' if options['version'] == 2 else '1.1'}"]
        if options["version"] == 3:
            words += [f"refcount_bits={options['refcount_bits']}",
                      f"extended_l2={'on' if options['extended_l2'] else 'off'}",
                      f"compression_type={options['compression_type']}",
                      f"lazy_refcounts={'on' if options['lazy_refcounts'] else 'off'}"]
        if options["data_file"] != "no":
            data = self.new_name("data")
            if self.lots.random() < 0.5:
                data = os.path.join(self.directory, data)
            words.append(f"data_file={data}")
            if options["data_file"] == "raw":
                words.append("data_file_raw=on")
        size = self.size(options)
        if options["preallocation"] in ("falloc", "full"):
            size = min(size, 8 * MIB)
        if options["preallocation"] != "off":
            words.append(f"preallocation={options['preallocation']}")
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", ",".join(words)]
        if base is not None:
            command += ["-b", base[0], "-F", base[1]]
        with_size = base is None or self.lots.random() < 0.7
        if not self.run(*command, name, *([str(size)] if with_size else [])):
            raise RuntimeError("cannot be made: " + self.log[-1])
        return name

    # --- changes ---

    def change(self, name, options, killed=False):
        lots = self.lots
        cluster = options["cluster_size"]
        commands = []
        for _ in range(lots.randrange(1, 16)):
            commands += ["-c", self.one_change(cluster)]
        if killed:
            commands += ["-c", "flush", "-c", "abort"]
        self.run("qemu-io", "-d", "unmap", "-f", "qcow2", *commands, name)

    def one_change(self, cluster):
        lots = self.lots
        kind = lots.choice(["write", "write", "noise", "zero", "zero", "unmap", "discard",
                            "compressed", "compressed", "truncate"])
        unit = lots.choice([512, 4 * KIB, max(512, cluster // 32), cluster, cluster])
        offset = lots.randrange(0, 8 * MIB // unit) * unit
        if lots.random() < 0.6:
            offset = lots.randrange(0, max(1, MIB // unit)) * unit
        length = unit * lots.randrange(1, 5)
        if kind == "write":
            return f"write -P {lots.randrange(0, 256)} {offset} {length}"
        if kind == "noise":
            return f"write -s {self.noise} {offset} {length}"
        if kind == "zero":
            return f"write -z {offset} {length}"
        if kind == "unmap":
            return f"write -z -u {offset} {length}"
        if kind == "discard":
            return f"discard {offset} {length}"
        if kind == "compressed":
            offset = offset // cluster * cluster
            what = lots.choice([f"-P {lots.randrange(0, 256)}", f"-s {self.noise}"])
            return f"write -c {what} {offset} {cluster}"
        if lots.random() < 0.5:
            return "flush"
        return f"truncate {lots.randrange(1, 12 * MIB // 512) * 512}"

    def converted(self, name):
        """All of it again, compressed."""
        to = self.new_name("qcow2")
        words = [f"cluster_size={self.options['cluster_size']}"]
        if self.options["version"] == 3:
            words += [f"compression_type={self.options['compression_type']}",
                      f"extended_l2={'on' if self.options['extended_l2'] else 'off'}"]
        else:
            words.append("compat=0.10")
        if self.run("qemu-img", "convert", "-q", "-c", "-f", "qcow2", "-O", "qcow2", "-o",
                    ",".join(words), name, to):
            return to
        return name

    def rebase(self, name):
        other = self.make_raw()
        words = ["-u"] if self.lots.random() < 0.5 else []
        self.run("qemu-img", "rebase", "-q", *words, "-f", "qcow2", "-b", other[0], "-F", other[1],
                 name)

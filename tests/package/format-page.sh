#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/format.md is true: its formulas give the regions and sizes that --measure=json announces, and its examples, typed as
# they stand there, give images that have the bytes that it shows.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

need qemu-img python3
mkdir bin
ln -s "$tool" bin/qcow2-to-stdout
PATH=$dir/bin:$PATH
truncate -s 300M disk.raw
data disk.raw 100*K 900*K
data disk.raw 90*M 40*K
head -c 300K /dev/urandom | dd of=disk.raw bs=64k seek=3000 conv=notrunc status=none
cp --sparse=always disk.raw base.raw
data base.raw 200*M 70000*512
truncate -s 5000001 odd.raw
data odd.raw 70*K 200*K
: >empty.raw

cat >check.py <<'CODE'
import itertools, json, re, subprocess, sys
page = open(sys.argv[1]).read()
names = {}
exec(re.search(r"<!-- formulas -->\n```python\n(.*?)```", page, re.S)[1], names)

REGIONS = {"refcount-table": "T", "refcount-blocks": "B", "l1-table": "L", "zero-clusters": "S"}
increment = ["--base", "base.raw", "-B", "base.raw", "-F", "raw"]
cases = [[*size, *how, disk] for disk in ("disk.raw", "odd.raw", "empty.raw") for size, how in itertools.product(
    (["-c", "512"], ["-c", "4096"], [], ["-c", "2M"]),
    ([], ["-r", "1"], ["-r", "64"], ["-v", "2"], ["-d"], ["-R", "-d"], ["--compress"], ["--compress", "-r", "2"]))]
cases += [[*size, *how, *increment, "disk.raw"] for size, how in itertools.product(
    (["-c", "512"], [], ["-c", "2M"]), ([], ["-v", "2"], ["--compress"], ["-v", "2", "--compress"]))]
cases += [["--extended-l2", *how, "disk.raw"] for how in ([], increment, ["-c", "16k"], ["--compress"])]
seen, counted = set(), 0
for case in cases:
    done = subprocess.run(["qcow2-to-stdout", "-q", "--measure=json", *case], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 2:
        continue  # options that do not go together
    assert done.returncode == 0, (case, done.stderr)
    counted += 1
    said = json.loads(done.stdout)
    cs, regions = said["cluster-size"], said["regions"]
    seen.update(regions)
    made = names["image"](cs, said["refcount-bits"], said["virtual-size"], 2 if said["compat"] == "0.10" else 3,
                          16 if "--extended-l2" in case else 8, regions.get("l2-tables", 0) // cs,
                          regions.get("data-clusters", 0) // cs, said["clusters"]["zero"], regions.get("compressed-clusters", 0))
    assert made["size"] == said["required"] == sum(regions.values()), (case, made, said)
    for region, symbol in REGIONS.items():
        assert made[symbol] * cs == regions.get(region, 0), (case, region, made, said)
assert counted > 100, f"only {counted} cases"
assert len(seen) == 8, f"regions that no case has: only {seen}"

examples = re.findall(r"<!-- example: (\S+) -->\n```sh\n(.*?)```.*?```\n(.*?)```", page, re.S)
assert len(examples) == 3
for image, commands, dump in examples:
    subprocess.run(["bash", "-euc", commands], stdout=subprocess.DEVNULL, check=True)
    content = open(image, "rb").read()
    for at, words in re.findall(r"^([0-9a-f]{8}): ((?:[0-9a-f]{4} ){8})", dump, re.M):
        shown = bytes.fromhex(words)
        assert content[int(at, 16):][:16] == shown, (image, at, content[int(at, 16):][:16].hex())
    assert int(re.search(r"^([0-9a-f]{8})  +end of the file", dump, re.M)[1], 16) == len(content), image
CODE
python3 check.py "$source_root/docs/format.md"

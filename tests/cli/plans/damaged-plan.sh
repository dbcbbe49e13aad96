#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Plans that are damaged, cut, of another kind or made up are refused, soon and before the first byte.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 8M disk.raw
data disk.raw 1*M 300*K
data disk.raw 5*M 100*K
"$tool" --compress --save-plan plan disk.raw >wanted

python3 - "$tool" <<'EOF'
import hashlib, json, os, re, subprocess, sys
tool = sys.argv[1]
plan = open("plan", "rb").read()
kind = plan.index(b"\n") + 1

def run(content):
    open("other", "wb").write(content)
    done = subprocess.run([tool, "--plan", "other", "disk.raw"], capture_output=True, timeout=20)
    return done.returncode, done.stdout, done.stderr.decode()

def refused(content, words, status=1):
    code, out, said = run(content)
    assert code == status and not out and re.search(words, said) and said.count("\n") == 1, \
        (content[:100], code, len(out), said)

assert run(plan)[:2] == (0, open("wanted", "rb").read())

# Each bit, each length.
for at in range(len(plan)):
    changed = bytearray(plan)
    changed[at] ^= 1 << at % 8
    refused(bytes(changed), "is damaged" if at >= kind else "is not a plan|of another version")
for length in range(len(plan)):
    refused(plan[:length], "is damaged|is not a plan")
refused(plan + b"\0", "is damaged")
refused(b"", "is damaged|is not a plan")
refused(open("disk.raw", "rb").read(), "is not a plan")
refused(open("wanted", "rb").read(), "is not a plan")
refused(plan.replace(b"plan 1\n", b"plan 4\n"), "of another version")

# Made up, with a checksum that is right.
def made(header, cluster_map, kind=plan[:kind]):
    body = kind
    for piece in (header, cluster_map):
        body += len(piece).to_bytes(8, "big") + piece
    return body + hashlib.sha256(body).digest()

size = int.from_bytes(plan[kind:kind + 8], "big")
header = json.loads(plan[kind + 8:kind + 8 + size])
cluster_map = plan[kind + 16 + size:-32]
assert run(made(json.dumps(header).encode(), cluster_map))[0] == 0

def with_header(words, status=1, **changes):
    changed = json.loads(json.dumps(header))
    for key, value in changes.items():
        place = changed
        *path, last = key.split("__")
        for name in path:
            place = place[name.replace("_", "-")]
        place[last.replace("_", "-")] = value
    refused(made(json.dumps(changed).encode(), cluster_map), words, status)

with_header("header makes no sense", options__cluster_size=3000)
with_header("header makes no sense", options__cluster_size="65536")
with_header("header makes no sense", options__version=7)
with_header("header makes no sense", disk_size=-1)
with_header("header makes no sense", disk_size=1e300)
with_header("does not fit into a qcow2 image", disk_size=1 << 63)
with_header("does not fit the plan", status=4, disk_size=8 << 30)
with_header("does not fit the plan", status=4, codec="zlib 0.1")
with_header("does not fit the plan", status=4, image_id="0123.456")
with_header("does not fit the plan", status=4, stamp__mtime_ns=5)
refused(made(b"[" * 60000, cluster_map), "header makes no sense")
refused(made(b"{}", cluster_map), "header makes no sense")
refused(made(b"x" * 70000, cluster_map), "a length in it")
whole = json.dumps(header).encode()
for bad in (b"\xff", b"\xff" * 20, b"\0\0", b"\0\x05\0", b"\x80\0\x04", cluster_map + cluster_map,
            b"\0" + b"\xff" * 9 + b"\x01", b"\0\x07\x01", bytes([0, 4 * 5 + 1]) + b"\x05"):
    refused(made(whole, bad), "map makes no sense")
# Compressed clusters in an image without compression.
without = json.loads(whole)
del without["options"]["compression"]
without["codec"] = ""
refused(made(json.dumps(without).encode(), cluster_map), "map makes no sense")
# Clusters at other places than the image-id is of.
refused(made(whole, b"\0\x04"), "does not fit the plan", 4)
# A length that nobody has, and no memory is taken for it.
body = plan[:kind] + len(whole).to_bytes(8, "big") + whole + (1 << 33).to_bytes(8, "big")
open("other", "wb").write(body)
limit = "" if os.environ.get("QCOW2STREAM_SANITIZE") else "ulimit -v 4000000 && "  # sanitizers take more
done = subprocess.run(["bash", "-c", limit + 'exec "$@"', "bash", tool, "--plan", "other",
                       "disk.raw"], capture_output=True, text=True, timeout=20)
assert done.returncode == 1 and "ends too early" in done.stderr, done.stderr
EOF

# A plan that never ends.
expect_refusal 1 'is not a plan' timeout 20 "$tool" --plan /dev/zero disk.raw

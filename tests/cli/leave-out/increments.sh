#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an image left out and is used again is in the increment, though nobody has written to it, whatever says what has
# changed; and what became free is zeros there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

aged_ext4 new.raw 64M
# Yesterday the files of today were not there: their blocks were free, and held the same.
cp new.raw old.raw
debugfs -w -f - old.raw >debugfs.log 2>&1 <<<$'rm large\nrm sub/kept' || fail "debugfs: $(<debugfs.log)"
convert old.raw base.qcow2 --leave-out free --save-manifest manifest

# Which bytes differ, as a list of blocks: metadata only.
python3 -c 'import json
with open("old.raw", "rb") as old, open("new.raw", "rb") as new:
    pairs = enumerate(iter(lambda: (old.read(4096), new.read(4096)), (b"", b"")))
    print(json.dumps([{"offset": n * 4096, "length": 4096} for n, (a, b) in pairs if a != b]))' >changed.json
[[ $(grep -o offset changed.json | wc -l) -lt 100 ]] || fail "more differs than metadata"

for changes in '' '--base old.raw' '--changed-map changed.json'; do
  for options in '' '--leave-out free' '-v 2' '-v 2 --leave-out free' '-c 4k --leave-out free' \
    '--extended-l2 --leave-out free' '--compress --leave-out free' '--scan holes' '-c 1M' \
    '--save-manifest m2 --leave-out free'; do
    # shellcheck disable=SC2086
    convert new.raw next.qcow2 -B base.qcow2 -F qcow2 --base-manifest manifest $changes $options
    restored next.qcow2
    has_tree restored.raw
  done
done

# The other way round: what became free does not shine through.
convert new.raw full.qcow2 --save-manifest manifest
for changes in '' '--base new.raw' '--changed-map changed.json'; do
  for options in '' '-v 2' '-c 4k' '--extended-l2' '--compress'; do
    # shellcheck disable=SC2086
    convert old.raw next.qcow2 -B full.qcow2 -F qcow2 --base-manifest manifest --leave-out free $changes $options
    restored next.qcow2
    e2fsck -fn restored.raw >e2fsck.log 2>&1 || fail "e2fsck: $(<e2fsck.log)"
    only_left_out old.raw restored.raw
    (($(tr -d '\0' <restored.raw | wc -c) + 1 * M < $(tr -d '\0' <new.raw | wc -c))) || fail "$changes $options: it shines through"
  done
done

refused() { expect_refusal 2 'leave-out: an increment needs --base-manifest' "$tool" --leave-out free "$@"; }
refused --base old.raw new.raw
refused --changed-map changed.json new.raw
refused -f qcow2 --shallow full.qcow2
refused -f qcow2 --dirty-bitmap b full.qcow2

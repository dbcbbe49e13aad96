#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --measure=json: all keys, with the numbers of the image that is really made.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 10000001 disk.raw
data disk.raw 100 2*M
data disk.raw 9*M 5
"$tool" -c 4096 -r 8 disk.raw >image
"$tool" -c 4096 -r 8 --measure=json disk.raw >measure.json
"$tool" -c 4096 -r 8 --measure=json --offset 1000 --length 1T disk.raw >range.json
"$tool" -v 2 --measure=json disk.raw >version-2.json
full=$("$tool" -c 4096 -r 8 --scan none --measure=size disk.raw)
clusters=$("$helpers/l2_entries.py" image | grep -c '^[0-9a-f]* [0-9a-f]*$')

python3 - "$(size_of image)" "$full" "$clusters" <<'EOF'
import json, sys
size, full, clusters = map(int, sys.argv[1:])
m = json.load(open("measure.json"))
assert set(m) == {"required", "fully-allocated", "virtual-size", "cluster-size", "refcount-bits",
    "compat", "compression-type", "clusters", "regions", "change-detection", "image-id"}, sorted(m)
assert m["required"] == size and m["fully-allocated"] == full, m
assert m["virtual-size"] == 10000384 and m["cluster-size"] == 4096 and m["refcount-bits"] == 8, m
assert m["compat"] == "1.1" and m["compression-type"] == "zlib", m
assert m["clusters"] == {"data": clusters, "zero": 0, "compressed": 0,
                         "unallocated": (10000384 + 4095) // 4096 - clusters}, (m, clusters)
assert sum(m["regions"].values()) == size, m
assert list(m["regions"]) == ["header", "refcount-table", "refcount-blocks", "l1-table", "l2-tables",
                              "data-clusters"], m
assert m["regions"]["data-clusters"] == clusters * 4096, m
assert m["change-detection"] == "stat", m
r = json.load(open("range.json"))
assert r.pop("offset") == 1000 and r.pop("length") == size - 1000, r
assert r == m, r
old = json.load(open("version-2.json"))
assert old["compat"] == "0.10" and old["refcount-bits"] == 16, old
EOF

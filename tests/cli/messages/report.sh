#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --report: lines of JSON for plan, progress and end, and the end comes with failures, too.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 16M disk.raw
data disk.raw 0 12*M

# check FILE EXPRESSION...: each is true of `lines` and of the first and last of a kind.
check() {
  python3 - "$@" <<'END' || fail "$*: $(<"$1")"
import hashlib, base64, json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
events = [line["event"] for line in lines]
assert events.count("end") == 1 and events[-1] == "end", events
assert events.count("plan") <= 1, events
end, plan = lines[-1], next((line for line in lines if line["event"] == "plan"), None)
progress = [line for line in lines if line["event"] == "progress"]
percents = [line["percent"] for line in progress]
assert percents == sorted(percents) and all(0 <= n < 100 for n in percents), percents
for line in progress:
    assert line["step"] in ("reading", "survey", "writing") and line["done"] <= line.get("total", line["done"])
for expression in sys.argv[2:]:
    assert eval(expression), (expression, end)
END
}

# The plan is what --measure=json says, and the range.
"$tool" --measure=json --offset 1M --length 5M disk.raw >measured
"$tool" --offset 1M --length 5M --report report --digest sha256=sums --digest crc64nvme=sums disk.raw >image
check report '{"event": "plan", **json.load(open("measured"))} == plan' \
  'end["status"] == 0 and end["bytes"] == plan["length"] == 5 << 20 and "message" not in end' \
  'end["digests"]["sha256"]["hex"] == hashlib.sha256(open("image", "rb").read()).hexdigest()' \
  'base64.b64decode(end["digests"]["sha256"]["base64"]).hex() == end["digests"]["sha256"]["hex"]' \
  'end["digests"]["crc64nvme"]["hex"] == open("sums").readlines()[1].split()[-1]'
"$tool" --report=3 disk.raw 3>report >image
check report 'plan["offset"] == 0 and plan["length"] == plan["required"] == end["bytes"]' \
  'end == {"event": "end", "status": 0, "bytes": plan["required"]}'
expect_status 0 "$tool" --measure=size --report=report disk.raw
check report 'plan["required"] == int(open("stdout").read()) and end["status"] == 0 and end["bytes"] == 0'

# Who reads slowly sees progress.
slowly() { while [[ $(dd bs=1M count=4 iflag=fullblock status=none | wc -c) != 0 ]]; do sleep 0.4; done; }
"$tool" --report=3 disk.raw 3>report | slowly
check report 'len(progress) >= 2 and progress[-1]["step"] == "writing" and progress[-1]["total"] == end["bytes"]' \
  '0 < progress[-1]["done"] < end["bytes"]'

# Failures, with the message and the status that the caller sees.
expect_status 1 "$tool" --report=report none.raw
check report 'plan is None and end["status"] == 1 and "none.raw" in end["message"]'
expect_status 2 "$tool" --report=report --offset 1T disk.raw
check report 'plan is None and end["status"] == 2 and "--offset" in end["message"]'
expect_status 4 "$tool" --report=report --if-match no disk.raw
check report 'plan is None and end["status"] == 4'
expect_status 1 "$tool" --digest md5 --report=report $'new\nline\xff.raw'
check report 'end["status"] == 1 and "digests" not in end'
status=0
"$tool" --report=report disk.raw 2>stderr >/dev/full || status=$?
[[ $status == 1 ]]
check report 'end["status"] == 1 and end["bytes"] < plan["length"]' \
  '"qcow2-to-stdout: " + end["message"] + "\n" == open("stderr").read()'
expect_status 1 "$tool" --report=report --digest sha256=/dev/full disk.raw
check report 'end["status"] == 1 and "digests" not in end and end["bytes"] == plan["length"]'
stall 4*M --report=report disk.raw
data disk.raw 11*M 100 5
drain
[[ $status == 3 ]]
check report 'end["status"] == 3 and end["bytes"] < plan["length"] and "changed" in end["message"]'

# A signal ends the report as well, if it is one that can be seen.
stall 4*M --report=report disk.raw
kill -TERM "$stalled"
wait "$stalled" || true
drain
[[ $status == 143 ]]
check report 'end["status"] == 143 and end["bytes"] < plan["length"] and "SIGTERM" in end["message"]'

# A report that cannot be written does not spoil the image.
convert disk.raw wanted
convert disk.raw image --report=/dev/full
same image wanted

# Where it cannot go.
expect_refusal 2 '--report: .*carries the image' "$tool" --report=1 disk.raw
expect_refusal 2 '--report: .*carries the image' "$tool" --report=/dev/stdout disk.raw
expect_refusal 2 '--report: .*not an open' "$tool" --report=77 disk.raw
expect_refusal 2 '--report: .*not a number' "$tool" --report=99999999999 disk.raw
expect_refusal 2 '--report: .*reading only' "$tool" --report=3 disk.raw 3</dev/null
expect_refusal 1 'no/report: cannot be opened' "$tool" --report no/report disk.raw
cp disk.raw before
expect_refusal 1 'disk.raw: cannot be written: it is disk.raw' "$tool" --report disk.raw disk.raw
same disk.raw before

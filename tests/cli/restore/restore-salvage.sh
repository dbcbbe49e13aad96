#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --salvage: a damaged image gives what it still has, each lost range is named, and the status is 5.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need python3
truncate -s 16M disk.raw
data disk.raw 0 16*M
"$tool" -c 4k disk.raw >image.qcow2

# salvages DISK COMMAND...: makes out.raw with status 5. It is DISK but for what is lost, where it has the bytes of `otherwise.raw`.
# By standard error and by the report, that is in `lost`.
salvages() {
  local disk=$1
  shift
  expect_status 5 "$@"
  expect_messages "$(wc -l <stderr)"
  sed -nE 's/^qcow2-from-stdin: .*: ([0-9]+) bytes at offset ([0-9]+) are lost: .+/\2 \1/p' stderr >lost
  [[ $(wc -l <lost) == "$(wc -l <stderr)" ]] || fail "other messages"
  python3 - "$disk" <<'END' || fail "other bytes, or another report"
import json, sys
disk = bytearray(open(sys.argv[1], "rb").read())
otherwise = open("otherwise.raw", "rb").read()
lost = [tuple(map(int, line.split())) for line in open("lost")]
for offset, length in lost:
    disk[offset:offset + length] = otherwise[offset:offset + length]
assert open("out.raw", "rb").read() == disk
report = [json.loads(line) for line in open("report")]
assert [(line["offset"], line["length"]) for line in report if line["event"] == "lost"] == lost
assert report[0]["event"] == "plan" and report[0]["virtual-size"] == len(disk)
assert report[-1]["event"] == "end" and report[-1]["status"] == 5
END
}
lost_bytes() { awk '{ sum += $2 } END { print sum }' lost; }

# Sound: nothing is lost.
expect_status 0 from_pipe image.qcow2 --salvage out.raw
expect_silence
same out.raw disk.raw
expect_status 0 "$from_stdin" --salvage --overwrite -i image.qcow2 out.raw
expect_silence
same out.raw disk.raw

# Cut off: of 16 MiB at most 11 are lost, whichever way it is read.
head -c 6M image.qcow2 >cut.qcow2
truncate -s 16M otherwise.raw
expect_refusal 3 'cut off' from_pipe cut.qcow2 --overwrite out.raw
salvages disk.raw from_pipe cut.qcow2 --salvage --report report --overwrite out.raw
(($(lost_bytes) < 11 * M)) || fail "$(<lost)"
expect_stderr 'standard input: .*: the image is cut off after 6291456 bytes \(at [0-9]+ in the image\)'
salvages disk.raw "$from_stdin" --salvage --report report --overwrite -i cut.qcow2 out.raw
(($(lost_bytes) < 11 * M)) || fail "$(<lost)"
# To a pipe, and in place, where what is lost stays as it is.
to_stdout() { "$@" - >piped.raw && return; local status=$?; mv piped.raw out.raw; return "$status"; }
salvages disk.raw to_stdout "$from_stdin" --salvage --report report -i cut.qcow2
data otherwise.raw 0 16*M 77
cp otherwise.raw out.raw
salvages disk.raw "$from_stdin" --apply --salvage --report report -i cut.qcow2 out.raw
(($(lost_bytes) < 11 * M)) || fail "$(<lost)"
cp otherwise.raw out.raw
salvages disk.raw from_pipe cut.qcow2 --apply --salvage --report report out.raw

# An entry of the L1 table: 2 MiB are lost.
truncate -s 0 otherwise.raw
truncate -s 16M otherwise.raw
l1=$(python3 -c 'import struct; print(struct.unpack(">Q", open("image.qcow2", "rb").read(48)[40:48])[0])')
cp image.qcow2 damaged.qcow2
printf '\x80\x00\x7f\x00\x00\x00\x00\x00' | dd of=damaged.qcow2 bs=1 seek="$((l1 + 8))" conv=notrunc status=none
for input in - damaged.qcow2; do
  salvages disk.raw "$from_stdin" --salvage --report report --overwrite -i $input out.raw <damaged.qcow2
  [[ $(<lost) == "$((2 * M)) $((2 * M))" ]] || fail "$(<lost)"
done
salvages disk.raw from_pipe damaged.qcow2 --salvage --size "$(size_of damaged.qcow2)" --report report --overwrite out.raw
[[ $(<lost) == "$((2 * M)) $((2 * M))" ]] || fail "$(<lost)"

# Compressed data: one cluster.
"$tool" -c 64k --compress disk.raw >packed.qcow2
first=$("$tool" -c 64k --compress --measure disk.raw | sed -n 's/.*compressed-clusters .* at //p')
printf '\xff' | dd of=packed.qcow2 bs=1 seek="$first" conv=notrunc status=none
for way in 'from_pipe packed.qcow2' "$from_stdin -i packed.qcow2"; do
  # shellcheck disable=SC2086
  salvages disk.raw $way --salvage --report report --overwrite out.raw
  [[ $(<lost) == "0 65536" ]] || fail "$(<lost)"
done

# Nothing can be done without a header; and what makes no sense together.
printf x | dd of=damaged.qcow2 bs=1 conv=notrunc status=none
expect_refusal '[13]' 'qcow2' from_pipe damaged.qcow2 --salvage --overwrite out.raw
for option in --check "--compare out.raw"; do
  # shellcheck disable=SC2086
  expect_refusal 2 "--salvage: not together with ${option%% *}" from_pipe image.qcow2 --salvage $option
done
expect_refusal 2 '--salvage: not together with --expect-digest' \
  from_pipe image.qcow2 --salvage --expect-digest md5=sums --overwrite out.raw

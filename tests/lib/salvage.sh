# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of --salvage share.
# shellcheck source=tests/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" || exit 1

need python3 qemu-img

with=()  # what the program is run by

# ranges OFFSET LENGTH...: these (expressions) as "OFFSET+LENGTH", one a line.
ranges() {
  while (($# > 0)); do
    echo "$(($1))+$(($2))"
    shift 2
  done
}

# salvage IMAGE OPTION... DISK: what was lost, by standard error and by the report, is in `lost`, and makes the status.
salvage() {
  local image=$1 status=0 wanted=5
  shift
  "${with[@]}" "$tool" -q --salvage --report report "$@" >"$image" 2>stderr || status=$?
  sed -nE 's/^qcow2-to-stdout: .*: ([0-9]+) bytes at offset ([0-9]+) are lost: .+/\2+\1/p' stderr >lost
  [[ -s lost ]] || wanted=0
  [[ $status == "$wanted" ]] || fail "status $status instead of $wanted: $*"
  expect_messages "$(wc -l <lost)"
  python3 - <<'END' >reported || fail "the report: $(<report)"
import json
lines = [json.loads(line) for line in open("report")]
for line in lines:
    if line["event"] == "lost":
        assert line["reason"] and line.keys() == {"event", "offset", "length", "reason"}
        print("%d+%d" % (line["offset"], line["length"]))
assert lines[-1]["event"] == "end" and lines[-1]["status"] == (5 if any(l["event"] == "lost" for l in lines) else 0)
END
  same lost reported
}

# expect_lost OFFSET LENGTH...
expect_lost() {
  ranges "$@" >wanted
  cmp -s wanted lost || fail "lost is $(tr '\n' ' ' <lost), not $(tr '\n' ' ' <wanted)"
}

# zeros FILE OFFSET LENGTH...
zeros() {
  local file=$1
  shift
  while (($# > 0)); do
    dd if=/dev/zero of="$file" bs=1M iflag=count_bytes oflag=seek_bytes count="$(($2))" seek="$(($1))" \
      conv=notrunc status=none
    shift 2
  done
}

# number FILE OFFSET [VALUE]: the big-endian number of 64 bits there; with VALUE it is written.
number() {
  python3 - "$1" "$(($2))" "${3:-}" <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    if sys.argv[3]:
        file.write(struct.pack(">Q", int(sys.argv[3], 0) % (1 << 64)))
    else:
        print(struct.unpack(">Q", file.read(8))[0])
END
}

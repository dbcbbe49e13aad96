#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an image holds and the output does not, snapshots, the state of a machine and dirty bitmaps, is said in
# a line and in --measure=json.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
qemu-img create -q -f qcow2 disk.qcow2 4M
qemu-io -f qcow2 -c 'write -q -P 1 1M 100k' disk.qcow2
"$tool" -f qcow2 disk.qcow2 >wanted

# drops JSON TEXT ARGUMENT...: TEXT stands in the line on standard error.
drops() {
  local wanted=$1 text=$2
  shift 2
  "$tool" --measure=json "$@" >measure.json 2>stderr
  python3 - "$wanted" <<'EOT' || fail "$*: $(<measure.json)"
import json, sys
found = json.load(open("measure.json"))
sys.exit(found.get("dropped") != json.loads(sys.argv[1]))
EOT
  for mode in --measure ''; do
    # shellcheck disable=SC2086
    expect_status 0 "$tool" $mode "$@"
    if [[ $text ]]; then
      expect_messages 1
      expect_stderr "^qcow2-to-stdout: disk.qcow2: holds what the output does not: $text\$"
    else
      expect_silence
    fi
    # shellcheck disable=SC2086
    expect_status 0 "$tool" -q $mode "$@"
    expect_silence
  done
}
drops null '' -f qcow2 disk.qcow2
qemu-img snapshot -c one disk.qcow2
drops '{"snapshots": 1}' '1 snapshot' -f qcow2 disk.qcow2
drops null '' -f qcow2 -l one disk.qcow2
qemu-img snapshot -c two disk.qcow2
drops '{"snapshots": 2}' '2 snapshots' -f qcow2 disk.qcow2
drops '{"snapshots": 1}' '1 snapshot' -f qcow2 -l one disk.qcow2
qemu-img bitmap --add disk.qcow2 step
drops '{"snapshots": 2, "bitmaps": ["step"]}' '2 snapshots, 1 dirty bitmap' -f qcow2 disk.qcow2
qemu-img bitmap --add disk.qcow2 'other one'
drops '{"snapshots": 2, "bitmaps": ["step", "other one"]}' '2 snapshots, 2 dirty bitmaps' -f auto disk.qcow2
for name in step qemu:dirty-bitmap:step; do
  drops '{"snapshots": 2, "bitmaps": ["other one"]}' '2 snapshots, 1 dirty bitmap' \
    -f qcow2 -B base.raw -F raw --dirty-bitmap $name disk.qcow2
done
# The image is the same whatever else there was.
"$tool" -q -f qcow2 disk.qcow2 >image.qcow2
same image.qcow2 wanted
# What lies below is another image.
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 top.qcow2
drops null '' -f qcow2 top.qcow2

# The state of a machine, which a hypervisor saves with a snapshot: its size, in the first entry of the table.
python3 - <<'EOT'
import struct
with open("disk.qcow2", "r+b") as file:
    table = struct.unpack_from(">Q", file.read(104), 64)[0]
    file.seek(table + 40)
    file.write(struct.pack(">Q", 5000000000))
EOT
drops '{"snapshots": 2, "vm-state": 5000000000, "bitmaps": ["step", "other one"]}' \
  '2 snapshots, the state of a machine, 2 dirty bitmaps' -f qcow2 disk.qcow2

# A name that is not UTF-8 is told as far as that goes.
python3 - <<'EOT'
with open("disk.qcow2", "r+b") as file:
    data = file.read()
    at = data.index(b"other one")
    file.seek(at)
    file.write(b"\xff")
EOT
"$tool" -q -f qcow2 --measure=json disk.qcow2 >measure.json
[[ $(json measure.json dropped bitmaps) == "['step', '�ther one']" ]] || fail "$(<measure.json)"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --check finds what qemu-img check finds: in snapshots and bitmaps, and where an entry says that nothing else uses its cluster.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need qemu-img qemu-io python3

# checks IMAGE STATUS: qemu-img check says so: 0 sound, 2 errors, 3 leaks only, [12] errors or nothing, since it cannot be opened;
# and so do we, from a pipe and from the file.
checks() {
  local status=0 wanted=3
  qemu-img check -q -f qcow2 "$1" >check.log 2>&1 || status=$?
  # shellcheck disable=SC2053  # a pattern
  [[ $status == $2 ]] || fail "qemu-img check: $status: $(<check.log)"
  [[ $2 == *2* ]] || wanted=0
  expect_status $wanted from_pipe "$1" --check
  [[ $2 == 0 ]] && expect_silence
  [[ $2 == 0 ]] || expect_messages 1
  [[ $2 != 3 ]] || expect_stderr 'clusters? have counts that are higher'
  expect_status $wanted "$from_stdin" --check -i "$1"
  [[ $2 != 0 ]] || expect_silence
}

# An image with what QEMU has to keep beside a disk.
make_image() {
  rm -f image.qcow2
  qemu-img create -q -f qcow2 -o "$1" image.qcow2 32M
  qemu-io -c 'write -P 1 1M 3M' -c 'write -P 2 20M 700k' image.qcow2 >io.log
  qemu-img snapshot -c one image.qcow2
  qemu-io -c 'write -P 3 2M 1M' -c 'write -z 21M 1M' -c 'discard 3M 512k' image.qcow2 >io.log
  qemu-img snapshot -c two image.qcow2
  qemu-img bitmap --add -g 64k image.qcow2 changes
  qemu-io -c 'write -P 4 5M 2M' image.qcow2 >io.log
  qemu-img resize -q image.qcow2 64M 2>resize.log || true # not with snapshots
}

# patch OFFSET BYTES (hexadecimal)
patch() { python3 -c 'import sys
with open("image.qcow2", "r+b") as f:
    f.seek(int(sys.argv[1])); f.write(bytes.fromhex(sys.argv[2]))' "$@"; }
# set_count OFFSET COUNT: that of the cluster there.
set_count() { python3 -c 'import struct, sys
with open("image.qcow2", "r+b") as f:
    d = f.read(1 << 16)
    cluster = 1 << struct.unpack(">I", d[20:24])[0]
    block, index = divmod(int(sys.argv[1]) // cluster, cluster // 2)
    f.seek(struct.unpack(">Q", d[48:56])[0] + 8 * block)
    f.seek(struct.unpack(">Q", f.read(8))[0] + 2 * index)
    f.write(struct.pack(">H", int(sys.argv[2])))' "$@"; }
# places: offsets in the image, as shell variables.
places() { python3 - <<'END'
import struct
d = open("image.qcow2", "rb").read()
def q(at): return struct.unpack(">Q", d[at:at + 8])[0]
cluster = 1 << struct.unpack(">I", d[20:24])[0]
mask = 0x00fffffffffffe00
l1 = q(40)
tables = [q(l1 + 8 * i) & mask for i in range(struct.unpack(">I", d[36:40])[0])]
step = 16 if d[7] == 3 and d[79] & 16 else 8
data_at = next(l2 + step * i for l2 in tables if l2 for i in range(cluster // step) if q(l2 + step * i) >> 63 and q(l2 + step * i) & mask)
snapshot = q(64)
snapshot_l1 = q(snapshot)
snapshot_l2_at = next(snapshot_l1 + 8 * i for i in range(1000) if q(snapshot_l1 + 8 * i) & mask)
at = 104 if struct.unpack(">I", d[4:8])[0] < 3 else struct.unpack(">I", d[100:104])[0]
bitmap = 0
while d[at:at + 4] not in (b"", bytes(4)):
    kind, length = struct.unpack(">II", d[at:at + 8])
    if kind == 0x23852875: bitmap = q(q(at + 8 + 16))
    at += 8 + (length + 7) // 8 * 8
print(f"cluster={cluster} data_at={data_at} data={q(data_at) & mask} snapshot_l1={snapshot_l1}")
print(f"snapshot_l2_at={snapshot_l2_at} snapshot_l2={q(snapshot_l2_at) & mask} bitmap={bitmap}")
print(f"data_entry={q(data_at):016x} last={(len(d) - 1) // cluster}")
END
}

for options in cluster_size=64k cluster_size=4k cluster_size=16k,extended_l2=on; do
  make_image $options
  checks image.qcow2 0
  eval "$(places)"
  cp image.qcow2 sound.qcow2

  # A cluster that is the only user's, and an entry that does not say so; and the other way round.
  # shellcheck disable=SC2154
  patch "$data_at" "00${data_entry:2}"
  checks image.qcow2 2
  cp sound.qcow2 image.qcow2
  # shellcheck disable=SC2154
  set_count "$data" 2
  checks image.qcow2 2
  cp sound.qcow2 image.qcow2
  # One that is not used at all: a leak.
  # shellcheck disable=SC2154
  truncate -s "$(((last + 2) * cluster))" image.qcow2
  set_count "$(((last + 1) * cluster))" 1
  checks image.qcow2 3
  cp sound.qcow2 image.qcow2
  # What only a snapshot uses has no count: the cluster of its L1 table, and of an L2 table.
  # shellcheck disable=SC2154
  for place in $snapshot_l1 $snapshot_l2 $bitmap; do
    set_count "$place" 0
    checks image.qcow2 2
    cp sound.qcow2 image.qcow2
  done
  # An entry of a snapshot's table, and of a bitmap's.
  # shellcheck disable=SC2154
  patch "$snapshot_l2_at" 8000000000000600
  checks image.qcow2 2
  cp sound.qcow2 image.qcow2
  patch "$bitmap" 0000000000000003
  checks image.qcow2 '[12]'
  cp sound.qcow2 image.qcow2
  # A reserved bit.
  patch "$data_at" "81${data_entry:2}"
  checks image.qcow2 2
done

# From a pipe, without room for what the snapshots may need: nothing is said that is not known.
expect_status 0 from_pipe sound.qcow2 --check --spool-memory 1M --spool-dir .
expect_silence
rm -f large.qcow2
qemu-img create -q -f qcow2 large.qcow2 64M
qemu-io -c 'write -P 1 0 1M' large.qcow2 >io.log
qemu-img snapshot -c one large.qcow2
qemu-io -c 'write -P 2 0 20M' large.qcow2 >io.log
qemu-img snapshot -c two large.qcow2
qemu-img snapshot -a one large.qcow2
checks large.qcow2 0
expect_status 0 from_pipe large.qcow2 --check --spool-memory 4M
expect_messages 1
expect_stderr 'was not gone through'

# Dirty: what was not counted yet is QEMU's to repair; and bytes behind the end.
cp sound.qcow2 image.qcow2
data image.qcow2 "$(size_of image.qcow2)" 5*64*K
expect_status 0 from_pipe image.qcow2 --check
expect_messages 1
expect_stderr '[0-9]+ bytes lie behind its last cluster'

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Any number of entries may name the same compressed data: it is at hand once for all of them. What overlaps without
# being the same is refused before it takes memory.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need qemu-img python3
[[ -x /usr/bin/time ]] || skip "/usr/bin/time is not installed"
head -c 1500K /dev/urandom >disk.raw
truncate -s 400M disk.raw
qemu-img convert -f raw -O qcow2 -c -o cluster_size=2M disk.raw same.qcow2

# entries FILE EXPRESSION: of the 200 entries of the first L2 table, of which the first one is `e`.
entries() {
  python3 - "$@" <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(40)
    file.seek(struct.unpack(">Q", file.read(8))[0])
    table = struct.unpack(">Q", file.read(8))[0] & ((1 << 56) - 512)
    file.seek(table)
    e = struct.unpack(">Q", file.read(8))[0]
    file.seek(table)
    file.write(b"".join(struct.pack(">Q", eval(sys.argv[2])) for n in range(200)))
END
}
cp same.qcow2 other.qcow2
entries same.qcow2 e
qemu-img convert -f qcow2 -O raw same.qcow2 wanted.raw
restores same.qcow2 wanted.raw
expect_status 0 /usr/bin/time -f %M -o memory "$from_stdin" - < <(cat same.qcow2)
same stdout wanted.raw
sanitized || (($(<memory) < 250 * K)) || fail "took $(<memory) KiB"

# Each begins a byte further. At 2 MiB a cluster, the number of sectors begins with bit 49.
entries other.qcow2 '(e & ((1 << 49) - 1)) + n | 1 << 62 | 8191 << 49'
truncate -s 16M other.qcow2
expect_refusal 1 'cannot be restored from a stream: more than 67108864 bytes of its compressed data overlap' /usr/bin/time -f %M -o memory "$from_stdin" --check < <(cat other.qcow2 || true)
sanitized || (($(tail -1 memory) < 250 * K)) || fail "took $(<memory) KiB"

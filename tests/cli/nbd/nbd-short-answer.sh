#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that calls an answer complete which lacks some of the bytes is not believed.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
# server MISSING: its disk is 1 MiB of ones; of each read so many bytes never arrive.
cat >server <<'END_OF_SERVER'
import socket, struct, sys

ACK, INFO, UNSUPPORTED = 1, 3, 0x80000001
missing, size = int(sys.argv[1]), 1 << 20
stream = socket.socket(fileno=3).accept()[0].makefile("rwb", buffering=0)

def take(form):
    data = b""
    wanted = struct.calcsize(form)
    while len(data) < wanted:
        more = stream.read(wanted - len(data))
        if not more:
            sys.exit()
        data += more
    return struct.unpack(form, data)

def answer_option(option, kind, data=b""):
    stream.write(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

stream.write(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
take(">I")
option = None
while option != 7:  # GO
    _, option, length = take(">8sII")
    take(f">{length}s")
    if option == 7:
        answer_option(option, INFO, struct.pack(">HQH", 0, size, 1 | 2 | 1 << 7))
    answer_option(option, ACK if option in (7, 8) else UNSUPPORTED)  # 8: structured replies
while True:
    _, _, kind, handle, offset, length = take(">IHHQQI")
    if kind != 0:
        sys.exit()
    data = struct.pack(">Q", offset) + b"\1" * (length - missing)
    stream.write(struct.pack(">IHHQI", 0x668E33EF, 1, 1, handle, len(data)) + data)
END_OF_SERVER

expect_status 0 "$tool" --scan none [ python3 server 0 ]
qemu-img convert -f qcow2 -O raw stdout back.raw
cmp back.raw <(head -c 1M /dev/zero | tr '\0' '\1')

for scan in zeros none; do
  expect_status 1 "$tool" --scan "$scan" [ python3 server 1 ]
  expect_stderr 'read at offset [0-9]+ failed: protocol error'
done

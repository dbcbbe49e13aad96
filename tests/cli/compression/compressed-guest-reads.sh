#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's block layer reads a compressed image at odd offsets and in any order, directly and through
# NBD.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-io qemu-img qemu-nbd python3
# Stretches that compress, that do not, and that hold nothing, of odd lengths.
python3 - >disk.raw <<'END'
import random, sys
random.seed(7)
for n in range(50):
    length = random.choice([777, 5000, 65536, 100001])
    kind = n % 4
    sys.stdout.buffer.write(
        bytes(length) if kind == 0 else random.randbytes(length) if kind == 1 else
        bytes([n]) * length if kind == 2 else (b"%d " % n * length)[:length])
END

# Single reads in random order, each compared with the disk.
cat >read.py <<'END'
import random, subprocess, sys
disk = open("disk.raw", "rb").read()
random.seed(11)
commands, wanted = [], []
for _ in range(100):
    offset = random.randrange(len(disk) - 1)
    length = min(random.choice([1, 513, 4096, 70000]), len(disk) - offset)
    commands += ["-c", "read -v %d %d" % (offset, length)]
    wanted.append(disk[offset:offset + length])
out = subprocess.run(["qemu-io", "-r", "-f", "qcow2", "image"] + commands, check=True,
                     capture_output=True, text=True).stdout
read = bytearray()
for line in out.splitlines():
    head, colon, rest = line.partition(":  ")
    if colon:
        read += bytes.fromhex(rest.partition("  ")[0])
assert bytes(read) == b"".join(wanted), "other bytes than the disk's"
END

for options in '--compress' '--compress=zstd -c 4k' '--compress -v 2 -c 2M' '--compress=zstd -c 512'; do
  # shellcheck disable=SC2086
  convert disk.raw image $options
  check_image image disk.raw
  python3 read.py || fail "reads of an image made with $options"
  qemu-nbd -f qcow2 -r -k "$dir/socket" image &
  server=$!
  at_exit end_process $server
  wait_for test -S socket
  qemu-img compare -q -f raw -F raw disk.raw "nbd+unix:///?socket=$dir/socket" ||
    fail "through NBD: $options"
  wait $server
  rm -f socket
done

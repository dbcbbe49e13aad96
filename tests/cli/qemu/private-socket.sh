#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The socket between us and a server program is ours alone: while it is in use it has no name that
# anybody could connect to, in no file system, in the kernel's own name space or on the network.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 pgrep
truncate -s 24M disk.raw
data disk.raw 0 24*M
mkdir programs
sockets_of() {
  python3 - "$@" <<'EOT'
import os, socket, sys
inodes = set()
for pid in sys.argv[1:]:
    for fd in os.listdir("/proc/%s/fd" % pid):
        try:
            target = os.readlink("/proc/%s/fd/%s" % (pid, fd))
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
found = 0
for line in open("/proc/net/unix").read().splitlines()[1:]:
    fields = line.split(maxsplit=7)
    if fields[6] not in inodes:
        continue
    found += 1
    name = fields[7] if len(fields) > 7 else ""
    assert not name.startswith("@"), "abstract socket: " + line
    if not name:
        continue
    assert not os.path.lexists(name), "there is a file " + name
    assert not os.path.lexists(os.path.dirname(name)), "there is a directory for " + name
    try:
        socket.socket(socket.AF_UNIX).connect(name)
        sys.exit("connected to " + name)
    except OSError:
        pass
assert found >= 2, "no sockets found"
for table in "tcp", "tcp6", "udp", "udp6", "raw", "raw6":
    path = "/proc/net/" + table
    if os.path.exists(path):
        for line in open(path).read().splitlines()[1:]:
            assert line.split()[9] not in inodes, "%s socket: %s" % (table, line)
EOT
}

# while_running ARGUMENT...: looks at the sockets while the output waits for its reader.
while_running() {
  stall 10000 "$@"
  local child
  child=$(pgrep -P "$stalled") || fail "no server program"
  # shellcheck disable=SC2086
  sockets_of "$stalled" $child || fail "not private: $*"
  drain
  [[ $status == 0 ]] || fail "status $status"
  same received wanted
}
convert disk.raw wanted
tried=0
if type -P qemu-img qemu-storage-daemon >/dev/null; then
  qemu-img convert -f raw -O vmdk disk.raw disk.vmdk
  while_running -f vmdk disk.vmdk
  tried=1
fi
if type -P qemu-img qemu-nbd >/dev/null; then
  ln -s "$(type -P qemu-nbd)" programs/
  for program in pgrep mkfifo rm head cat cmp; do ln -s "$(type -P $program)" programs/; done
  ln -s "$(python3 -c 'import sys; print(sys.executable)')" programs/python3
  PATH=$dir/programs while_running -f vmdk disk.vmdk
  tried=1
fi
if type -P nbdkit >/dev/null; then
  while_running -- [ nbdkit --readonly file disk.raw ]
  tried=1
fi
[[ $tried == 1 ]] || skip "neither QEMU nor nbdkit is installed"

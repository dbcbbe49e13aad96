#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where the file system has no locks, QEMU's cannot be taken: a warning, and the image is right.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 qemu-img qemu-io
! sanitized || skip "preloaded libraries and sanitizers do not go together"
truncate -s 8M disk.raw
data disk.raw 1*M 3*M
cp --sparse=always disk.raw base.raw
data base.raw 2*M 64*K 9
convert disk.raw wanted
convert disk.raw wanted-delta --base base.raw -B base.raw -F raw
check_image wanted disk.raw

# without_locks FAULTS STATUS ARGUMENT...
without_locks() {
  FAULTS=$1 LD_PRELOAD=$FAULT_SHIM expect_status "$2" "$tool" "${@:3}"
}
# warned_of NAME REASON
warned_of() {
  expect_stderr "^qcow2-to-stdout: $1: cannot be locked \($2\): who has it open for writing is not known\$"
}

declare -A reason=(
  [ENOLCK]="no locks available" [EINVAL]="invalid argument" [EOPNOTSUPP]="operation not supported"
  [ENOSYS]="function not implemented" [EIO]="input/output error")
for error in "${!reason[@]}"; do
  # Taking them, one after the other, and looking at those of others.
  for fault in lock:1+ lock:2 lock:3 getlock:1+ getlock:3; do
    without_locks "$fault:$error" 0 disk.raw
    same stdout wanted
    expect_messages 1
    warned_of disk.raw "${reason[$error]}"
  done
done

# What else reads it. The image is never another one.
without_locks lock:1+:ENOLCK 0 - <disk.raw
same stdout wanted
warned_of 'standard input' "no locks available"
without_locks lock:1+:ENOLCK 0 --measure=size disk.raw
[[ $(<stdout) == "$(size_of wanted)" ]]
warned_of disk.raw "no locks available"
without_locks lock:1+:ENOLCK 0 --run 'cat >image' disk.raw
same image wanted
warned_of disk.raw "no locks available"
without_locks lock:1+:ENOLCK 0 --base base.raw -B base.raw -F raw disk.raw
same stdout wanted-delta
expect_messages 2
warned_of disk.raw "no locks available"
warned_of base.raw "no locks available"

# Who asks for silence, or for no locks, hears nothing of it.
for options in -q -U '-q --base base.raw'; do
  # shellcheck disable=SC2086  # words
  without_locks lock:1+:ENOLCK 0 $options disk.raw
  expect_silence
done
without_locks lock:1+:EIO 1 none.raw
expect_messages 1

# A lock that somebody else has is another matter.
python3 - "$tool" "$FAULT_SHIM" <<'EOF'
import fcntl, os, struct, subprocess, sys
F_OFD_SETLK = 37

def run(faults="", *options):
    return subprocess.run([sys.argv[1], *options, "disk.raw"], capture_output=True,
                          env={**os.environ, "LD_PRELOAD": sys.argv[2], "FAULTS": faults})

wanted = open("wanted", "rb").read()
for byte, kind, words in (
        (101, fcntl.F_WRLCK, b"is in use: QEMU has it open for writing"),
        (201, fcntl.F_WRLCK, b"is in use: another program has locked it"),
        (101, fcntl.F_RDLCK, b"is in use: QEMU has it open for writing"),
        (103, fcntl.F_RDLCK, b"is in use: QEMU has it open for resizing"),
        (200, fcntl.F_RDLCK, b"is in use: QEMU lets nobody else read it")):
    with open("disk.raw", "r+b") as file:
        fcntl.fcntl(file, F_OFD_SETLK, struct.pack("hhqqi", kind, 0, byte, 1, 0))
        held = run()
        assert held.returncode == 1 and not held.stdout and words in held.stderr, (byte, held.stderr)
        assert held.stderr.count(b"\n") == 1
        # -q does not make it less of an error, -U does; and where locks do not work nobody can tell.
        assert run("", "-q").returncode == 1
        assert run("", "-U").stdout == wanted
        blind = run("lock:1+:ENOLCK")
        assert blind.returncode == 0 and blind.stdout == wanted, blind.stderr
        assert b"who has it open for writing is not known" in blind.stderr
done = run()
assert done.returncode == 0 and done.stdout == wanted and not done.stderr, done.stderr
# The two numbers that mean that it is held.
for error in ("EAGAIN", "EACCES"):
    held = run("lock:1:" + error)
    assert held.returncode == 1 and b"is in use: another program has locked it" in held.stderr, held.stderr
EOF

# QEMU's own view of the same: it is refused as we are, while we read, but not where there are no locks.
stall 1000 disk.raw
expect_status 1 qemu-io -f raw -c 'write 0 512' disk.raw
expect_stderr 'Failed to get "write" lock'
drain
same received wanted
export FAULTS=lock:1+:ENOLCK LD_PRELOAD=$FAULT_SHIM
stall 1000 -q disk.raw
unset FAULTS LD_PRELOAD
qemu-io -f raw -c quit disk.raw
drain
[[ $status == 0 ]]
same received wanted

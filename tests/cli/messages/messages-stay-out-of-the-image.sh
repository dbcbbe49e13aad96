#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A warning among the bytes of the image would make it another one: standard error and progress that
# go where the image goes are refused, and so is progress that goes into the disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K
cp disk.raw before
convert disk.raw wanted

# What the program said is all that is in the output.
refused() {
  [[ $1 == 1 ]] || fail "status $1"
  ! grep -v '^qcow2-to-stdout: ' out || fail "more than messages"
  grep -q "^qcow2-to-stdout: .*$2" out || fail "no '$2' in: $(<out)"
  rm out
}

# With a warning (it looks like an image), and with what somebody asked for.
for arguments in 'wanted' '--verbose disk.raw' '--digest sha256 disk.raw' '-p disk.raw' '--allow-changes disk.raw'; do
  status=0
  # shellcheck disable=SC2086
  "$tool" $arguments >out 2>&1 || status=$?
  refused "$status" 'standard error goes there'
  status=0
  # shellcheck disable=SC2086
  "$tool" $arguments 2>&1 | cat >out || status=$?
  refused "$status" 'standard error goes there'
done

# One socket for both.
cat >both.py <<'END'
import socket, subprocess, sys
ours, theirs = socket.socketpair()
program = subprocess.Popen(sys.argv[1:], stdout=theirs, stderr=theirs)
theirs.close()
with open("out", "wb") as out:
    while piece := ours.recv(1 << 16):
        out.write(piece)
sys.exit(program.wait())
END
status=0
python3 both.py "$tool" wanted || status=$?
refused "$status" 'standard error goes there'

# Whoever looks for an error finds it there, and an image about which nothing is said is alone.
status=0
"$tool" --if-match no disk.raw >out 2>&1 || status=$?
[[ $status == 4 && $(wc -l <out) == 1 ]] || fail "status $status: $(<out)"
grep -q 'does not give the image of --if-match' out
"$tool" -q wanted 2>&1 | cat >out
same out <("$tool" -q wanted)
"$tool" disk.raw >out 2>&1
same out wanted

expect_status 1 "$tool" --progress=3 disk.raw 3>>stdout
expect_messages 1
expect_stderr 'progress.*the image goes there'
status=0
"$tool" --progress=3 disk.raw 2>stderr 3>&1 | cat >out || status=$?
[[ $status == 1 && ! -s out ]] || fail "status $status with progress into the pipe of the image"
expect_status 1 "$tool" --progress=3 disk.raw 3<>disk.raw
expect_stderr 'progress.*it is disk.raw'
same disk.raw before

# Elsewhere they may go together: nothing is mixed up there.
"$tool" --verbose disk.raw >/dev/null 2>&1
"$tool" --run 'cat >image' --verbose disk.raw >log 2>&1
same image wanted
"$tool" --measure wanted >log 2>&1

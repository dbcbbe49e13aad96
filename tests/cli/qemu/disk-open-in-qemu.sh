#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's locks: a disk that it has open for writing is refused, and none is opened for writing while
# it is read.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io qemu-nbd qemu-storage-daemon python3
truncate -s 8M disk.raw
data disk.raw 1*M 3*M
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
"$tool" disk.raw >wanted

daemon=
stop_writer() { [[ -z $daemon ]] || kill "$daemon"; }
at_exit stop_writer

# with_writer FILE FORMAT COMMAND...: while QEMU has it open for writing.
with_writer() {
  local file=$1 format=$2
  shift 2
  rm -f monitor
  qemu-storage-daemon --blockdev "driver=$format,node-name=d,file.driver=file,file.filename=$file" \
    --nbd-server addr.type=unix,addr.path=monitor --export type=nbd,id=e,node-name=d,writable=on &
  daemon=$!
  for _ in {1..100}; do [[ ! -S monitor ]] || break; sleep 0.05; done
  "$@"
  kill "$daemon"
  wait "$daemon" || true
  daemon=
}

refused() {
  expect_status 1 "$tool" "$@"
  [[ ! -s stdout ]]
  expect_stderr ': is in use: QEMU has it open for writing; read a snapshot of it, or say -U '
}
taken() {
  "$tool" -U "$@" >image
  same image wanted
}
raw_cases() {
  expect_status 1 qemu-img convert -f raw -O qcow2 disk.raw other.qcow2 # as it does
  refused disk.raw
  refused --measure disk.raw
  refused - <disk.raw
  refused --base disk.raw -B disk.raw -F raw wanted
  taken disk.raw
  taken - <disk.raw
  "$tool" --measure=size -U --base disk.raw -B disk.raw -F raw -f raw wanted >/dev/null
}
qcow2_cases() {
  refused -f qcow2 disk.qcow2
  refused -f auto disk.qcow2
  taken -f qcow2 disk.qcow2
  taken -f auto disk.qcow2
}
# The same with qemu-nbd in place of qemu-storage-daemon.
mkdir programs
ln -s "$(type -P qemu-nbd)" programs/
only_qemu_nbd() { PATH=$dir/programs "$tool" "$@"; }
node_cases() {
  local node program
  for node in '"driver":"raw","file":{"driver":"file","filename":"disk.raw"}' \
    '"driver":"file","filename":"disk.raw"'; do
    for program in "$tool" only_qemu_nbd; do
      expect_refusal 1 'Failed to get shared "write" lock' "$program" --blockdev "{$node}"
      expect_status 0 "$program" --blockdev "{$node,\"force-share\":true}"
      same stdout wanted
    done
  done
}
with_writer disk.raw raw raw_cases
with_writer disk.raw raw node_cases
with_writer disk.qcow2 qcow2 qcow2_cases

# Held to the end: nobody gets it for writing while the output is not taken. Readers may.
for options in '' '-f qcow2'; do
  file=disk.raw
  [[ ! $options ]] || file=disk.qcow2
  # shellcheck disable=SC2086
  stall 1000 $options $file
  format=${file##*.}
  expect_status 1 qemu-io -f "$format" -c 'write 0 512' $file
  expect_stderr 'Failed to get "write" lock'
  qemu-img compare -q -f "$format" -F raw $file disk.raw
  drain
  [[ $status == 0 ]] || fail "status $status"
  same received wanted
  # With -U nothing is held.
  # shellcheck disable=SC2086
  stall 1000 -U $options $file
  qemu-io -f "$format" -c quit $file
  drain
  [[ $status == 0 ]] || fail "status $status"
done
stall 1000 -U disk.raw
qemu-io -f raw -c 'write 0 512' disk.raw >/dev/null
drain
[[ $status == 3 ]] || fail "status $status after a write"

# A node of raw data is held, too.
stall 1000 --blockdev '{"driver":"raw","file":{"driver":"file","filename":"disk.raw"}}'
expect_status 1 qemu-io -f raw -c 'write 0 512' disk.raw
drain
[[ $status == 0 ]] || fail "status $status"

# What another program has locked for itself alone.
python3 - "$tool" <<'EOF'
import fcntl, subprocess, sys
with open("disk.raw", "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    done = subprocess.run([sys.argv[1], "disk.raw"], capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout, done
    assert "is in use: another program has locked it" in done.stderr, done.stderr
    done = subprocess.run([sys.argv[1], "-U", "disk.raw"], capture_output=True)
    assert done.returncode == 0, done
EOF

# For what has no locks of ours it makes no sense.
expect_status 2 "$tool" -U --blockdev '{"driver":"null-co"}'
expect_status 2 "$tool" -U nbd://localhost

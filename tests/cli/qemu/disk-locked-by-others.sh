#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file of which another program has locked all, which QEMU's locks are a part of: refused, and -U reads it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-storage-daemon python3
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted
for format in qcow2 vmdk; do qemu-img convert -f raw -O $format disk.raw "disk.$format"; done
name=$'not \xff UTF-8,\n'
cp disk.qcow2 "$name"

# locked KIND FILE: a process that holds a lock on all of it is $holder.
locked() {
  rm -f held
  python3 - "$1" "$2" <<'EOT' &
import fcntl, os, struct, sys, time
kind, name = os.fsencode(sys.argv[1]).decode(), os.fsencode(sys.argv[2])
fd = os.open(name, os.O_RDWR)
if kind == "flock":
    fcntl.flock(fd, fcntl.LOCK_EX)
else:
    F_OFD_SETLK = 37
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    fcntl.fcntl(fd, fcntl.F_SETLK if kind == "process" else F_OFD_SETLK, lock)
open("held", "w").close()
time.sleep(600)
EOT
  holder=$!
  at_exit end_process "$holder"
  wait_for test -e held
}

for kind in process open-file; do
  for file in disk.qcow2 disk.vmdk disk.raw "$name"; do
    format=${file##*.}
    [[ $file != "$name" ]] || format=qcow2
    locked $kind "$file"
    for input in "$format" auto; do
      expect_refusal 1 'is in use: another program has locked it; .* say -U' "$tool" -f "$input" "$file"
      convert "$file" image -U -f "$input"
      same image wanted
    done
    convert disk.raw increment -U --base "$file" --base-format "$format" -B base -F raw
    end_process "$holder"
  done
done

# Locks of another kind, which no reader meets.
locked flock disk.qcow2
convert disk.qcow2 image -f qcow2
same image wanted
convert disk.qcow2 image -f qcow2 -U
same image wanted
end_process "$holder"

if type -P qemu-nbd >/dev/null; then
  mkdir programs
  ln -s "$(type -P qemu-nbd)" programs/
  locked process disk.vmdk
  expect_status 0 env PATH="$dir/programs" "$tool" -U -f vmdk disk.vmdk
  same stdout wanted
  end_process "$holder"
fi

# What is below it, too.
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 top.qcow2
locked process disk.qcow2
expect_refusal 1 'disk\.qcow2: is in use: another program has locked it; it is the backing file of top\.qcow2; .* say -U' \
  "$tool" -f qcow2 top.qcow2
convert top.qcow2 image -U -f qcow2
same image wanted
end_process "$holder"

# QEMU opens those of other images alone, and nothing is advised that would not help.
qemu-img create -q -f qed -b disk.vmdk -F vmdk top.qed
locked process disk.vmdk
expect_status 1 "$tool" -f qed top.qed
expect_messages 1
expect_stderr 'top\.qed: QEMU cannot open it: .*lock'
! grep -q -e ' -U' stderr || fail "advice that does not help"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk without a time stamp that is written to while it is read is found out where its content was
# hashed before.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need nbdkit qemu-img

truncate -s 200M disk.raw
data disk.raw 0 180*M
cp disk.raw old.raw
truncate -s 200M base.raw
"$tool" --save-manifest base.manifest base.raw >/dev/null

# overwritten STATUS OPTION...: while it is sent, the disk is overwritten at its end.
overwritten() {
  local wanted=$1
  shift
  cp old.raw disk.raw
  serve sock file disk.raw cache=none
  stall 1*M "$@" nbd+unix:///?socket=sock
  data disk.raw 179*M 4000 77
  drain
  end_process "$server"
  [[ $status == "$wanted" ]] || fail "status $status instead of $wanted: $*"
  [[ $wanted == 0 ]] || expect_stderr 'changed while it was read: at offset'
}
# Nobody sees it.
overwritten 0
overwritten 0 --base base.raw
# In one pass it is simply what was sent.
overwritten 0 --save-manifest manifest
qemu-img convert -f qcow2 -O raw received sent.raw
root_in manifest sent.raw >/dev/null
# Where the survey has hashed it, what is sent must be the same.
overwritten 3 --base base.raw --save-manifest manifest
overwritten 3 --base-manifest base.manifest
overwritten 3 --offset 64k --save-manifest manifest
# So must be what a plan has the digests of.
cp old.raw disk.raw
"$tool" --save-plan plan --save-manifest manifest disk.raw >/dev/null
overwritten 3 --plan plan
# So must be what is compressed once more, also where the sizes are the same.
overwritten 3 --compress --spool-memory 0 --save-manifest manifest

# The same of a block device, which is overwritten between the survey and the emission of its last part.
[[ $EUID == 0 ]] || skip "the rest needs root"
cp old.raw disk.raw
loop=$(losetup -f --show disk.raw 2>/dev/null) || skip "no loop device; the rest is right"
at_exit losetup -d "$loop"
# overwritten_device STATUS OPTION...
overwritten_device() {
  local wanted=$1
  shift
  dd if=old.raw of="$loop" bs=1M conv=notrunc status=none
  sync "$loop"
  stall 1*M "$@" "$loop"
  data "$loop" 179*M 4096 77
  sync "$loop"
  drain
  [[ $status == "$wanted" ]] || fail "status $status instead of $wanted: $*"
  [[ $wanted == 0 ]] || expect_stderr 'changed while it was read: at offset'
}
overwritten_device 0
overwritten_device 0 --base base.raw
overwritten_device 0 --save-manifest manifest
qemu-img convert -f qcow2 -O raw received sent.raw
root_in manifest sent.raw >/dev/null
overwritten_device 3 --base base.raw --save-manifest manifest
overwritten_device 3 --base-manifest base.manifest
overwritten_device 3 --offset 64k --save-manifest manifest
overwritten_device 3 --compress --spool-memory 0 --save-manifest manifest

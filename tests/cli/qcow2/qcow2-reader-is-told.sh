#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Who reads an image is in --measure=json, and in a line of --verbose with the reason where it is QEMU.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-nbd python3
truncate -s 4M base.raw
data base.raw 1*M 1*M
qemu-img convert -f raw -O qcow2 base.raw disk.qcow2
qemu-img convert -f raw -O vmdk base.raw base.vmdk
qemu-img create -q -f qcow2 -b base.vmdk -F vmdk middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2

# is_read_by WHO LINE ARGUMENT...: LINE is what --verbose says, an extended regular expression.
is_read_by() {
  local who=$1 line=$2
  shift 2
  "$tool" --measure=json "$@" >measure.json
  [[ $(json measure.json reader) == "$who" ]] || fail "$*: $(<measure.json)"
  expect_status 0 "$tool" --verbose "$@"
  [[ $(grep -c ': is read by ' stderr) == 1 ]] || fail "not one line of --verbose with $*"
  expect_stderr "^qcow2-to-stdout: $line\$"
}
is_read_by native 'disk.qcow2: is read by this program' -f qcow2 disk.qcow2
is_read_by native 'disk.qcow2: is read by this program' -f auto disk.qcow2
is_read_by qemu 'base.vmdk: is read by QEMU' -f vmdk base.vmdk
is_read_by qemu 'base.vmdk: is read by QEMU' -f auto base.vmdk
is_read_by qemu 'middle.qcow2: is read by QEMU: its backing file has the format vmdk' -f qcow2 middle.qcow2
is_read_by qemu 'top.qcow2: is read by QEMU: middle.qcow2: its backing file has the format vmdk' -f qcow2 top.qcow2
node='{"driver":"qcow2","file":{"driver":"file","filename":"disk.qcow2"}}'
is_read_by qemu '.*: is read by QEMU' --blockdev "$node"

# Where nobody needs to read an image there is nothing to tell.
for arguments in 'base.raw' '-f raw base.raw' '-f auto base.raw' '-' '[ qemu-nbd -r -f qcow2 disk.qcow2 ]'; do
  # shellcheck disable=SC2086
  "$tool" --measure=json $arguments <base.raw >measure.json
  ! grep -q '"reader"' measure.json || fail "$arguments: $(<measure.json)"
  # shellcheck disable=SC2086
  expect_status 0 "$tool" --verbose $arguments <base.raw
  ! grep -q 'is read by' stderr || fail "$arguments: a line of --verbose"
done

# The report has it, too.
"$tool" -f qcow2 --report report disk.qcow2 >/dev/null
grep -q '"reader":"native"' report

need_isolation
for format in qcow2 auto; do
  is_read_by native 'disk.qcow2: is read by this program, in a process that is confined' \
    --isolate -f $format disk.qcow2
done
is_read_by qemu 'base.vmdk: is read by QEMU' --isolate -f vmdk base.vmdk

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device or an export that nothing is attached to has a size of 0, and is no backup of anything: an
# error, as DISK, as standard input, as the base and below an image. An empty file is a disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 64*K
: >empty.raw
refused() { expect_refusal 1 "$1: is empty: .*nothing is attached" timeout 20 "$tool" "${@:2}"; }
accepted() {
  "$tool" -q "$@" >image || fail "status $? from $*"
  [[ $("$tool" -q --measure=json "$@" | tr -d ' \n') == *'"virtual-size":0'* ]] || fail "no empty disk: $*"
}

accepted empty.raw
tested=()
if type -P nbdkit >/dev/null; then
  serve socket null 0
  uri='nbd+unix:///?socket=socket'
  refused 'nbd\+unix:///\?socket=socket' "$uri"
  refused 'nbd\+unix:///\?socket=socket' --base "$uri" -B base -F raw disk.raw
  refused '\[ nbdkit null 0 \]' -- [ nbdkit null 0 ]
  tested+=(nbd)
  if type -P qemu-nbd >/dev/null; then
    node='{"driver":"nbd","server":{"type":"unix","path":"socket"}}'
    refused 'nbd block node' --blockdev "$node"
    refused 'raw block node' --blockdev '{"driver":"raw","file":'"$node"'}'
    qemu-img create -q -f qcow2 empty.qcow2 0
    accepted -f qcow2 empty.qcow2
    accepted --blockdev '{"driver":"qcow2","file":{"driver":"file","filename":"empty.qcow2"}}'
    accepted --blockdev '{"driver":"raw","file":{"driver":"file","filename":"empty.raw"}}'
    tested+=(qemu)
  fi
fi

loop=
if [[ $EUID == 0 ]] && loop=$(losetup -f 2>losetup.log) && [[ -b $loop && $(blockdev --getsize64 "$loop") == 0 ]]; then
  refused "$loop" "$loop"
  refused "$loop" --base "$loop" -B base -F raw disk.raw
  expect_refusal 1 'standard input: is empty' "$tool" - <"$loop"
  if type -P qemu-img >/dev/null; then
    qemu-img create -q -u -f qcow2 -b "$loop" -F raw overlay.qcow2 1M
    refused "$loop" -f qcow2 overlay.qcow2
    refused "$loop" --blockdev '{"driver":"host_device","filename":"'"$loop"'"}'
  fi
  tested+=(device)
fi
[[ ${#tested[@]} -gt 0 ]] || skip "no NBD server and no loop device here"
echo "tested: ${tested[*]}"

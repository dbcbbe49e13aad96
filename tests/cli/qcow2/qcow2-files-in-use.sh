#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every file of a chain is locked and watched as long as it is read. What a virtual machine writes to is
# refused, what it only reads is not.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 16M base.raw
data base.raw 0 16*M
qemu-img create -q -f qcow2 -b base.raw -F raw middle.qcow2
qemu-io -f qcow2 -c 'write -q -P 1 8M 1M' middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 2 1M 1M' top.qcow2
qemu-img create -q -f qcow2 -o data_file=outside.data outside.qcow2 16M
qemu-io -f qcow2 -c 'write -q -P 2 1M 12M' outside.qcow2

# --- what changes while it is read ---
check_change() {
  local file=$1 top=$2
  cp -p "$file" kept
  announced=$("$tool" -f qcow2 --measure=size "$top")
  stall 100000 -f qcow2 "$top"
  data "$file" "$(($(size_of "$file") / 2))" 1 "$RANDOM"
  drain
  [[ $status == 3 ]] || fail "status $status when $file changes"
  expect_messages 1
  expect_stderr "$file: changed while it was read \(mtime\); output is incomplete \($(size_of received) of"
  (($(size_of received) < announced)) || fail "no less than was announced"
  cp -p kept "$file"
}
for file in top.qcow2 middle.qcow2 base.raw; do check_change $file top.qcow2; done
for file in outside.qcow2 outside.data; do check_change $file outside.qcow2; done

# --- what is locked while it is read ---
"$tool" -f qcow2 top.qcow2 >wanted
stall 100000 -f qcow2 top.qcow2
for file in top.qcow2 middle.qcow2 base.raw; do
  format=${file##*.}
  cp stderr stderr.before
  ! qemu-io -f "$format" -c 'write -q 0 512' $file 2>io.log || fail "$file is not locked"
  grep -q 'Failed to get "write" lock' io.log || fail "$(<io.log)"
done
qemu-img convert -f qcow2 -O raw top.qcow2 flat.raw
drain
[[ $status == 0 ]] || fail "status $status"
same received wanted

# --- a virtual machine runs on it ---
mkfifo commands
qemu-io -f qcow2 top.qcow2 <commands >io.log 2>&1 &
machine=$!
at_exit end_process "$machine"
exec {to_machine}>commands
is_open() { ! qemu-img info top.qcow2 >/dev/null 2>&1; }
wait_for is_open
echo 'write -P 7 0 512' >&"$to_machine"
wait_for grep -q 'wrote 512' io.log
expect_refusal 1 'top.qcow2: is in use: QEMU has it open for writing; read a snapshot of it, or say -U' \
  "$tool" -f qcow2 top.qcow2
expect_refusal 1 'top.qcow2: is in use' "$tool" -f qcow2 --measure top.qcow2
convert middle.qcow2 image.qcow2 -f qcow2
qemu-img convert -U -f qcow2 -O raw middle.qcow2 flat.raw
check_image image.qcow2 flat.raw
# An image over it would read what is in motion.
qemu-img create -q -f qcow2 -u -b top.qcow2 -F qcow2 over.qcow2 16M
expect_refusal 1 'top.qcow2: is in use: QEMU has it open for writing; it is the backing file of over.qcow2; .*-U' \
  "$tool" -f qcow2 over.qcow2
expect_status 0 "$tool" -U -f qcow2 over.qcow2
expect_status 0 "$tool" -U -f qcow2 top.qcow2
exec {to_machine}>&-
wait "$machine"
convert top.qcow2 image.qcow2 -f qcow2
qemu-img convert -f qcow2 -O raw top.qcow2 flat.raw
check_image image.qcow2 flat.raw

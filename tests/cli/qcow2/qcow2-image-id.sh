#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The image-id covers every file of a chain: its size and its time. --if-match says what is another one.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 4M base.raw
data base.raw 0 2*M
qemu-img create -q -f qcow2 -b base.raw -F raw middle.qcow2
qemu-io -f qcow2 -c 'write -q -P 1 1M 100k' middle.qcow2
qemu-img create -q -f qcow2 -o data_file=outside.data outside.qcow2 4M
qemu-io -f qcow2 -c 'write -q -P 2 1M 100k' outside.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 2M 100k' top.qcow2

id() { "$tool" -f qcow2 --measure=id "$1"; }
before=$(id top.qcow2)
[[ $(id top.qcow2) == "$before" ]]
"$tool" -f qcow2 --if-match "$before" top.qcow2 >wanted

# changed FILE TOP PATTERN: touched, its time back, and rewritten.
changed() {
  local file=$1 top=$2 pattern=$3 old
  cp -p "$file" kept
  old=$(id "$top")
  touch -d '2001-02-03 04:05:06.7' "$file"
  [[ $(id "$top") != "$old" ]] || fail "nothing seen of $file"
  expect_refusal 4 "$pattern" "$tool" -f qcow2 --if-match "$old" "$top"
  touch -r kept "$file"
  [[ $(id "$top") == "$old" ]] || fail "not the same again"
  data "$file" "$(size_of "$file")" 512
  touch -r kept "$file"
  [[ $(id "$top") != "$old" ]] || fail "nothing seen of the size of $file"
  cp -p kept "$file"
}
changed top.qcow2 top.qcow2 '^qcow2-to-stdout: .*the layout is the same, but the disk is of 2001-02-03'
for file in middle.qcow2 base.raw; do
  changed $file top.qcow2 '^qcow2-to-stdout: .*a file below the disk.s in its chain was written to'
done
changed outside.qcow2 outside.qcow2 'the layout is the same, but the disk is of 2001-02-03'
changed outside.data outside.qcow2 'the layout is the same, but a file'

# Content below: where it changes the layout, that is said.
[[ $(id top.qcow2) == "$before" ]]
qemu-io -f qcow2 -c 'write -q -P 9 1M 100k' middle.qcow2
expect_refusal 4 'a file below the disk.s in its chain was written to' \
  "$tool" -f qcow2 --if-match "$before" top.qcow2
qemu-io -f qcow2 -c 'write -q -P 9 3M 100k' middle.qcow2
expect_refusal 4 'the layout is another: other options, or the disk was written to since|layout and time stamp' \
  "$tool" -f qcow2 --if-match "$before" top.qcow2

# A plan is bound to the files below, too.
now=$("$tool" -f qcow2 --save-plan plan --measure=id top.qcow2)
"$tool" -f qcow2 --plan plan --if-match "$now" top.qcow2 >image.qcow2
touch -d '2001-02-03 04:05:06.7' base.raw
expect_refusal 4 'top.qcow2: does not fit the plan plan: ' "$tool" -f qcow2 --plan plan top.qcow2

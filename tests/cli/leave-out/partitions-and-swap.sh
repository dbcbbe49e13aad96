#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Partitions and swap space: what lies between them is kept, and so is the header of swap space.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

need sfdisk mkswap
deleted='1*M' aged_ext4 part.raw 16M
data disk.raw 0 50*M
sfdisk -q disk.raw >sfdisk.log 2>&1 <<<'label: gpt
start=2048, size=32768
start=43008, size=16384, type=swap' || fail "sfdisk: $(<sfdisk.log)"
dd if=part.raw of=disk.raw bs=1M seek=1 conv=notrunc status=none
data swap.raw 0 8*M
mkswap -q swap.raw 2>/dev/null
dd if=swap.raw of=disk.raw bs=1M seek=21 conv=notrunc status=none

"$tool" --measure=json --leave-out free,swap disk.raw >json
[[ $(found json 0 volume) == 'partition 1' ]] || fail "no partition 1"
[[ $(found json 0 format) == ext4 ]] || fail "it is no ext4"
(($(json json left-out free) > 4 * M)) || fail "too little is free"
(($(json json left-out swap) > 7 * M && $(json json left-out swap) < 8 * M)) || fail "the header is left out, or more is kept"
"$tool" --measure=json --leave-out swap disk.raw >json
[[ $(json json left-out free) == 0 ]] || fail "free blocks are left out, too"

convert disk.raw image.qcow2 --leave-out free,swap
restored image.qcow2
has_tree restored.raw 1*M
# What is in no partition is as it was.
for place in '0 1*M' '17*M 4*M' '29*M 21*M' '21*M 4096'; do
  read -r begin length <<<"$place"
  cmp <(part disk.raw "$begin" "$length") <(part restored.raw "$begin" "$length") || fail "$place has changed"
done
only_left_out disk.raw restored.raw
sfdisk --verify restored.raw >sfdisk.log 2>&1 || fail "$(<sfdisk.log)"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, images from a saved plan: plans that are damaged, cut off, or cannot be read, a disk
# that is not the one any more or cannot be read, and an output without room.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix-beside.sh
. "$(dirname "$0")/../fault-matrix-beside.sh" || exit 1

cp compress.wanted compressed.wanted
arguments[compressed]=disk.raw

# from PLAN: what is run from here on takes it, and is to write a digest and a report, too.
from() {
  option_words[plan]="--plan $1"
  with plan digest report progress
}

# --- The plan ------------------------------------------------------------------------------------

before_first_byte=1
size=$(size_of raw.plan)
for at in 0 1 21 22 40 $((size / 2)) $((size - 32)) $((size - 1)); do
  head -c "$at" raw.plan >cut.plan
  from cut.plan
  run raw pipe
  judge "a plan of $at of $size bytes" raw pipe 1 '^qcow2-to-stdout: cut.plan: is (damaged|not a plan)'
  cp raw.plan bad.plan
  printf '\xff' | dd of=bad.plan bs=1 seek="$at" conv=notrunc status=none
  from bad.plan
  run raw file
  judge "a plan whose byte $at is damaged" raw file 1 '^qcow2-to-stdout: bad.plan: is (damaged|not a plan|a plan of)'
done
mkdir directory.plan
: >empty.plan
for name in none empty directory /dev/null disk.raw; do
  plan=$name
  [[ $name == /* || $name == disk.raw ]] || plan=$name.plan
  from "$plan"
  run raw pipe
  judge "as a plan: $plan" raw pipe 1 "^qcow2-to-stdout: $plan: "
done
from raw.plan
for error in EACCES EIO; do
  file_fault raw.plan file-open:1:$error raw pipe 1 '^qcow2-to-stdout: raw.plan: cannot be opened: '
done
for n in 1 2 3 4 5 6; do file_fault raw.plan file-read:$n:EIO raw pipe 1 'raw.plan: read failed: input/'; done
cp -p disk.raw other.raw
arguments[changed]=other.raw
cp raw.wanted changed.wanted
for change in "touch -d 2001-01-01 other.raw" "truncate -s 5M other.raw" "rm other.raw"; do
  $change
  run changed pipe
  judge "${change% *} DISK" changed pipe "$([[ $change == rm* ]] && echo 1 || echo 4)" '^qcow2-to-stdout: other.raw: '
done
before_first_byte=

# --- The disk and the output ---------------------------------------------------------------------

for at in 12288 $((middle + 12 * K)) $((disk_size - 20 * K + 12 * K)); do
  from raw.plan
  for output in pipe file; do
    shim "source:@$at:EIO" raw "$output" 1 'disk.raw: read at offset [0-9]+ failed: input/output error; output' \
      "block at $at, $options"
  done
  from compress.plan
  shim "pread:@$at:EIO preadv2:@$at:EIO" compressed pipe 1 'disk.raw: read at offset [0-9]+ failed: input/' \
    "compressed, block at $at, $options"
done
for plan in raw compress; do
  from $plan.plan
  source=${plan/%compress/compressed}
  image=$(size_of $plan.wanted)
  for after in 0 1 65537 $((image / 2)) $((image - 1)); do
    shim "output:>$after:ENOSPC" "$source" file 1 'standard output: write failed: no space left on device; out' \
      "no room after $after bytes, $plan.plan"
  done
  survives output:1+:short "$source" pipe
  survives "output:1+:storm pread:1+:storm preadv2:1+:storm" "$source" file
  FAULT_FILE=$plan.plan survives "file-read:1+:short" "$source" pipe
  FAULT_FILE=$plan.plan survives "file-read:1+:storm" "$source" pipe
done
all_is_written=1
shim close:1:EIO compressed file 1 'standard output: close failed: input/output error; all' "close fails, $options"
all_is_written=

# A plan that is kept before the image that fails is right all the same.
# shellcheck disable=SC2086  # words
with $files
for at in 12288 $((middle + 12 * K)); do
  shim "source:@$at:EIO" raw pipe 1 'disk.raw: read at offset [0-9]+ failed: input/output error; output' \
    "emission: block at $at, $options"
done
shim "source:@$middle:EIO" raw pipe 1 'disk.raw: read at offset [0-9]+ failed: input/output error$' \
  "survey: block at $middle, $options"
for after in 0 1 2000000 $(($(size_of raw.wanted) - 1)); do
  shim "output:>$after:ENOSPC" raw file 1 'standard output: write failed: no space left on device; output is' \
    "no room after $after bytes, $options"
done

end_of_table

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An increment by itself is refused; --apply writes what it holds over the content of its base, in place.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 8M monday.raw
data monday.raw 0 4*M
cp monday.raw tuesday.raw
data tuesday.raw 1*M 300*K 7
data tuesday.raw 6*M 100*K 9
dd if=/dev/zero of=tuesday.raw bs=64k seek=32 count=4 conv=notrunc status=none
"$tool" monday.raw >monday.qcow2

# refused_and_applied OPTION...
refused_and_applied() {
  "$tool" -B monday.qcow2 -F qcow2 --base monday.raw "$@" tuesday.raw >tuesday.qcow2
  expect_refusal 4 'standard input: is an increment of "monday.qcow2"; restore that first and say --apply' \
    from_pipe tuesday.qcow2 disk.raw
  expect_refusal 4 '^qcow2-from-stdin: tuesday.qcow2: is an increment of "monday.qcow2"; restore that first and say --apply, or give both: -i monday.qcow2 -i tuesday.qcow2' \
    "$from_stdin" -i tuesday.qcow2 disk.raw
  is_not_there disk.raw
  for way in pipe file; do
    cp monday.raw disk.raw
    # Again it makes no difference.
    for _ in 1 2; do
      case $way in
        pipe) expect_status 0 from_pipe tuesday.qcow2 --apply disk.raw ;;
        file) expect_status 0 "$from_stdin" --apply -i tuesday.qcow2 disk.raw ;;
      esac
      expect_silence
      same disk.raw tuesday.raw
    done
    rm disk.raw
  done
}
refused_and_applied
refused_and_applied --compress
refused_and_applied -v 2
refused_and_applied --extended-l2 -c 16k

# An existing TARGET is needed, and one that was not begun is as it was.
expect_refusal 1 'disk.raw: .*No such file' from_pipe tuesday.qcow2 --apply disk.raw
cp monday.raw disk.raw
expect_refusal 3 'standard input: .*; disk.raw is unchanged$' "$from_stdin" --apply disk.raw </dev/null
same disk.raw monday.raw
# What has begun can be finished.
truncate -s 32M all.raw
data all.raw 0 32*M 11
"$tool" -B monday.qcow2 -F qcow2 --base monday.raw all.raw >all.qcow2
head -c 30M all.qcow2 >cut.qcow2
expect_refusal 3 'standard input: .*; disk.raw has [0-9]+ of 33554432 bytes of the increment applied, give the same command again$' \
  from_pipe cut.qcow2 --apply disk.raw
expect_status 0 from_pipe all.qcow2 --apply disk.raw
same disk.raw all.raw

# Larger and smaller than the base.
for size in 12M 3M; do
  cp monday.raw other.raw
  truncate -s $size other.raw
  data other.raw 2*M 50*K 5
  "$tool" -B monday.qcow2 -F qcow2 --base monday.raw other.raw >other.qcow2
  cp monday.raw disk.raw
  expect_status 0 from_pipe other.qcow2 --apply disk.raw
  same disk.raw other.raw
done

# What is cut off before anything was written has not made the file smaller; that it was made larger is said.
cp monday.raw smaller.raw
truncate -s 3M smaller.raw
"$tool" -B monday.qcow2 -F qcow2 --base monday.raw smaller.raw >smaller.qcow2
cp monday.raw disk.raw
"$tool" smaller.raw >full.qcow2
expect_refusal 3 '; disk.raw is unchanged$' "$from_stdin" --apply disk.raw < <(head -c 66000 smaller.qcow2)
same disk.raw monday.raw
expect_refusal 3 '; disk.raw is unchanged$' "$from_stdin" --skip-equal disk.raw < <(head -c 66000 full.qcow2)
same disk.raw monday.raw
cp monday.raw larger.raw
truncate -s 12M larger.raw
data larger.raw 9*M 50*K 5
"$tool" -B monday.qcow2 -F qcow2 --base monday.raw larger.raw >larger.qcow2
expect_refusal 3 '; disk.raw has 0 of 12582912 bytes of the increment applied, give the same command again$' \
  "$from_stdin" --apply disk.raw < <(head -c 66000 larger.qcow2)
expect_status 0 from_pipe larger.qcow2 --apply disk.raw
same disk.raw larger.raw

# Several, one after the other.
cp tuesday.raw wednesday.raw
data wednesday.raw 3*M 1*M 3
"$tool" -B tuesday.qcow2 -F qcow2 --base tuesday.raw wednesday.raw >wednesday.qcow2
"$tool" -B monday.qcow2 -F qcow2 --base monday.raw tuesday.raw >tuesday.qcow2
cp monday.raw disk.raw
expect_status 0 "$from_stdin" --apply -i tuesday.qcow2 -i wednesday.qcow2 disk.raw
expect_silence
same disk.raw wednesday.raw
cp monday.raw disk.raw
expect_refusal 4 'tuesday.qcow2: is an increment of "monday.qcow2": in whose place wednesday.qcow2 is given; --ignore-names' \
  "$from_stdin" --apply -i wednesday.qcow2 -i tuesday.qcow2 disk.raw
same disk.raw monday.raw

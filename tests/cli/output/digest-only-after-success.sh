#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A digest is written after complete success only; where it goes is known to work before the first byte.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 16M disk.raw
data disk.raw 0 16*M
cp disk.raw before

# no_digest: neither in a file nor on standard error.
no_digest() {
  [[ ! -e sum ]] || fail "a file for the digest of a broken image"
  ! grep 'SHA256 (' stderr || fail "a digest of a broken image"
}

status=0
"$tool" --digest sha256=sum --digest sha256 disk.raw >/dev/full 2>stderr || status=$?
[[ $status == 1 ]]
no_digest

FAULTS=close:1:EIO LD_PRELOAD=$FAULT_SHIM expect_status 1 "$tool" --digest sha256=sum --digest sha256 disk.raw
no_digest

stall 4*M --digest sha256=sum --digest sha256 disk.raw
data disk.raw 15*M 100 5
drain
[[ $status == 3 ]]
no_digest
cp before disk.raw

# An old one goes when the image begins, and stays where none does.
echo 'MD5 (old) = 00' >sum
expect_refusal 4 'if-match' "$tool" --digest sha256=sum --if-match no disk.raw
[[ $(<sum) == 'MD5 (old) = 00' ]]
"$tool" --digest sha256=sum disk.raw >/dev/full 2>stderr || true
[[ -e sum && ! -s sum ]] || fail "the old digest is still there"

# None stays if another one fails, or cannot be told.
for other in md5=/dev/full 'md5'; do
  rm -f sum
  status=0
  "$tool" --digest sha256=sum --digest "$other" disk.raw >stdout 2>/dev/full || status=$?
  [[ $status == 1 && ! -e sum ]] || fail "status $status, a digest of a failed run"
  echo 'MD5 (old) = 00' >sum
  status=0
  "$tool" --digest sha256=sum --digest "$other" disk.raw >stdout 2>/dev/full || status=$?
  [[ $status == 1 && ! -s sum ]] || fail "status $status, a digest of a failed run"
done
rm sum

# Two runs do not share a file, and none takes it away from the other.
stall 4*M --digest sha256=sum disk.raw
status=0
"$tool" --digest sha256=sum disk.raw >stdout 2>other || status=$?
[[ $status == 1 && ! -s stdout ]]
grep -q 'sum: cannot be written: something else is being written to it' other
drain
[[ $status == 0 && -s sum ]]
rm sum

# A large one of digests is replaced, too, and a small one of anything.
"$tool" --digest sha256 disk.raw >image 2>many
for n in {1..100}; do cat many; done >sum
"$tool" --digest sha256=sum disk.raw >image
same sum many
echo whatever >sum
"$tool" --digest sha256=sum disk.raw >image
same sum many
rm sum

# What cannot be written.
ln -s nowhere dangling
expect_refusal 1 'dangling: cannot be opened for writing: no such file' "$tool" --digest sha256=dangling disk.raw
[[ ! -e nowhere ]]
expect_refusal 1 'no/sum: cannot be opened for writing: no such file' "$tool" --digest sha256=no/sum disk.raw
expect_refusal 1 'is a directory' "$tool" --digest sha256=. disk.raw
expect_refusal 1 '/dev/fd/77' "$tool" --digest sha256=/dev/fd/77 disk.raw
expect_refusal 1 'reading only' "$tool" --digest sha256=/dev/fd/3 disk.raw 3</dev/null
expect_status 1 "$tool" --digest sha256=/dev/full disk.raw
expect_stderr '/dev/full: write failed: no space left'
status=0
"$tool" --digest sha256 disk.raw >stdout 2>/dev/full || status=$?
[[ $status == 1 ]]

# Nor what holds something else.
ln disk.raw link.raw
expect_refusal 1 'link.raw: cannot be written: it is disk.raw' "$tool" --digest sha256=link.raw disk.raw
cp disk.raw base.raw
expect_refusal 1 'base.raw: cannot be written: it is base.raw' \
  "$tool" --digest sha256=base.raw --base base.raw disk.raw
same disk.raw before
same base.raw before
status=0
"$tool" --digest sha256=image disk.raw >image 2>stderr || status=$?
[[ $status == 1 && ! -s image ]]
expect_stderr 'image: cannot be written: the image goes there'

# The command line.
for wrong in sha25 SHA256 '' =x sha256= sha256=/dev/stdout sha256=/dev/fd/1; do
  expect_refusal 2 '--digest: ' "$tool" --digest "$wrong" disk.raw
done
expect_refusal 2 '--digest: not together with --measure' "$tool" --measure --digest sha256 disk.raw
expect_refusal 2 '--name: needs --digest' "$tool" --name x disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard input that is no disk, or not the one that was announced: refused before the first byte.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# input: the disk, for who may not want all of it.
input() { cat disk.raw 2>cat.log || true; }

data disk.raw 0 300001
refused() { expect_refusal 1 "^qcow2-to-stdout: standard input: $1" "$tool" "${@:2}" -; }

# Nothing at all, unless that is meant.
refused 'is empty.*--size 0' < <(:)
refused 'is empty.*--size 0' </dev/null
: >empty.raw
expect_status 0 "$tool" --size 0 - < <(:)
expect_silence
same stdout <("$tool" empty.raw)

# Another size than announced.
for size in 0 1 4096 300000; do
  refused "is longer than announced.* $size bytes" --size "$size" < <(input)
done
refused 'is longer than announced' --size 1M </dev/zero
for size in 300002 1M 1T; do
  refused "is shorter than announced.*300001 of" --size "$size" < <(input)
done
refused 'is shorter than announced' --size 1 </dev/null

# A size that no image can have is known before anything is read.
refused '.*cluster size' --size 1T -c 512 </dev/zero

# Closed, open for writing only, a directory, a terminal.
refused 'cannot be read: it is not open' <&-
refused 'cannot be read: it is not open for reading' 0>file
refused '.*is a directory' <.
status=0
"$tool" - <&- 2>&- >image || status=$?
[[ $status == 1 ]] || fail "status $status"
[[ ! -s image ]]

# What makes no sense.
for option in -d -R --data-file --data-file-raw --data-file=name; do
  expect_refusal 2 'data-file.*standard input' "$tool" "$option" - <disk.raw
  expect_refusal 2 'data-file.*standard input' "$tool" "$option" - < <(:)
done
expect_refusal 2 '--size.*standard input' "$tool" --size 300001 disk.raw
expect_refusal 2 '--size.*standard input' "$tool" --size 100 ./-
for size in '' x -1 1.5 1MB; do expect_refusal 2 '--size' "$tool" --size "$size" - <disk.raw; done
expect_refusal 2 '--spool-dir' "$tool" --spool-dir '' - <disk.raw

need script
expect_status 1 script -qec "$(printf '%q - 2>message >image' "$tool")" typescript
[[ ! -s image ]]
mv message stderr
expect_messages 1
expect_stderr 'standard input: is a terminal'

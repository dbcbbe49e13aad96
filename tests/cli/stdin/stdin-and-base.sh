#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An increment of a stream is that of the file, though comparing reads the stream before the image. The
# stream has to be as long as announced even where only its beginning has changed.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 5M base.raw
data base.raw 100*K 3*M
cp base.raw disk.raw
data disk.raw 1*M+5 200*K
truncate -s 4500001 disk.raw
dd if=/dev/zero of=disk.raw bs=64K seek=40 count=2 conv=notrunc status=none

for options in '' '--scan none' '--scan none -c 512' '--scan holes' '--scan none --compress' '--scan none --offset 200000'; do
  options+=' -f raw -B base.raw -F raw --base base.raw'
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >wanted
  # shellcheck disable=SC2086,SC2002
  cat disk.raw | "$tool" --size 4500001 $options - >image 2>stderr || fail "$options"
  expect_silence
  same image wanted
done

echo '[{"start":70000,"length":100000}]' >changed.json
increment=(-f raw -B base.raw -F raw --changed-map changed.json)
for scan in zeros holes none; do
  "$tool" "${increment[@]}" --scan $scan disk.raw >wanted
  expect_status 0 "$tool" "${increment[@]}" --scan $scan --size 4500001 - < <(cat disk.raw)
  expect_silence
  same stdout wanted
  expect_status 1 "$tool" "${increment[@]}" --scan $scan --size 4500001 - < <(head -c 1M disk.raw)
  expect_stderr 'standard input: is shorter than announced: it ended after 1048576 of 4500001 bytes'
  expect_status 1 "$tool" "${increment[@]}" --scan $scan --size 4500001 - < <(cat disk.raw && echo)
  expect_stderr 'standard input: is longer than announced'
done

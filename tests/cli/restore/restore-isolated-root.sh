#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With --isolate, too, an image is held against the root that it has of itself, and TARGET against that of its parent.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need_isolation
# Its shadow of the memory is more than the helper may have.
[[ ${QCOW2STREAM_SANITIZE:-} != thread ]] || skip "ThreadSanitizer ends in a process that is confined so"

truncate -s 8M monday
data monday 0 4*M
cp monday tuesday
data tuesday 1*M 300*K 7
"$tool" --save-manifest monday.manifest monday >monday.qcow2
"$tool" --base-manifest monday.manifest --save-manifest tuesday.manifest -B monday.qcow2 -F qcow2 tuesday >tuesday.qcow2
"$tool" --compress --save-manifest monday.manifest monday >compressed.qcow2

for image in monday compressed; do
  for way in "-i $image.qcow2" ''; do
    rm -f disk.raw
    # shellcheck disable=SC2086  # words
    expect_status 0 "$from_stdin" --isolate $way disk.raw <$image.qcow2
    expect_silence
    same disk.raw monday
  done
  expect_status 0 from_pipe $image.qcow2 --isolate --check
  expect_silence
done

# Written to since: the data is another one, the root is not.
cp monday.qcow2 odd.qcow2
printf 'x' | dd of=odd.qcow2 bs=1 seek=$((6 * 65536 + 100)) conv=notrunc status=none
for options in '' --isolate; do
  rm -f disk.raw
  # shellcheck disable=SC2086
  expect_refusal 3 '^qcow2-from-stdin: standard input: does not hold what its own root says: .*; --ignore-root if you know that it was written to; disk.raw is unchanged$' \
    from_pipe odd.qcow2 $options disk.raw
  is_not_there disk.raw
  # shellcheck disable=SC2086
  expect_refusal 3 'does not hold what its own root says.*; --ignore-root' from_pipe odd.qcow2 $options --check
  # shellcheck disable=SC2086
  expect_status 0 from_pipe odd.qcow2 $options --ignore-root disk.raw
  # shellcheck disable=SC2086
  expect_status 0 from_pipe odd.qcow2 $options --ignore-root --check
  # Nothing in the place of the root.
  head -c -512 monday.qcow2 >cut.qcow2
  rm -f disk.raw
  # shellcheck disable=SC2086
  expect_refusal 3 'has something else in the place of its own root' from_pipe cut.qcow2 $options disk.raw
  is_not_there disk.raw

  # An increment.
  cp monday disk.raw
  # shellcheck disable=SC2086
  expect_status 0 from_pipe tuesday.qcow2 --apply $options disk.raw
  expect_silence
  same disk.raw tuesday
  # shellcheck disable=SC2086
  expect_refusal 4 'it holds already what that makes of it|its root is' from_pipe tuesday.qcow2 --apply $options disk.raw
  cp monday disk.raw
  data disk.raw 5*M 10 3
  cp disk.raw before
  # shellcheck disable=SC2086
  expect_refusal 4 'disk.raw: does not hold what standard input is an increment of: its root is .*; if --apply broke off there: --trust-target.*disk.raw is unchanged$' \
    from_pipe tuesday.qcow2 --apply $options disk.raw
  same disk.raw before
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# TARGET - is the raw disk on standard output, which is no terminal; what failed is shorter than the disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 9M disk.raw
data disk.raw 1*M 3*M
data disk.raw 9*M-1 1
for options in '' --compress '-c 512'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image.qcow2
  from_pipe image.qcow2 - | cat >out.raw
  same out.raw disk.raw
  "$from_stdin" - <image.qcow2 | cat >out.raw
  same out.raw disk.raw
  "$from_stdin" -i image.qcow2 - >out.raw
  same out.raw disk.raw
done

# Without room for anything that comes out of turn: with any number of threads nothing does.
truncate -s 40M large.raw
data large.raw 0 30*M
"$tool" --compress large.raw >image.qcow2
for threads in 1 2 8 32; do
  "$from_stdin" -T $threads --spool-memory 0 - <image.qcow2 | cat >out.raw
  same out.raw large.raw
  from_pipe image.qcow2 -T $threads --spool-memory 0 - | cat >out.raw
  same out.raw large.raw
done
"$tool" disk.raw >image.qcow2

# From where it stands, never emptied.
{ echo before && "$from_stdin" - <image.qcow2; } >out.raw
same out.raw <(echo before && cat disk.raw)

# One who does not read on.
# shellcheck disable=SC2016 # the inner shell expands it
expect_status 1 bash -o pipefail -c '"$0" - <image.qcow2 2>message | head -c 1000 >/dev/null' "$from_stdin"
mv message stderr
expect_messages 1
expect_stderr 'standard output: .*; output is incomplete, discard it'

for option in --apply --skip-equal --compare --overwrite --target-is-zero --verify; do
  expect_refusal 2 "$option: " from_pipe image.qcow2 $option -
done
if type -P script >/dev/null; then
  expect_status 1 script -qec "$(printf '%q - <image.qcow2 2>message' "$from_stdin")" typescript
  mv message stderr
  expect_messages 1
  expect_stderr 'terminal'
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --limit-rate: not faster than that, of the stream and of what is written; zeros cost nothing.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 1G disk.raw
data disk.raw 0 6*M
"$tool" disk.raw >image.qcow2
# takes SECONDS COMMAND...: at least; the first piece, of 2 MiB at most, does not wait.
takes() {
  local least=$1 begin=$EPOCHREALTIME end
  expect_status 0 "${@:2}"
  expect_silence
  end=$EPOCHREALTIME
  ((${end/[.,]/} - ${begin/[.,]/} >= least * 1000000)) || fail "in less than $least s: ${*:2}"
}
takes 2 from_pipe image.qcow2 --limit-rate 2M piped.raw
same piped.raw disk.raw
takes 2 "$from_stdin" --limit-rate 2M -i image.qcow2 sought.raw
same sought.raw disk.raw
takes 2 from_pipe image.qcow2 --limit-rate 2M --check
truncate -s 7M disk.raw
"$tool" disk.raw >image.qcow2
takes 2 "$from_stdin" --limit-rate 2M -i image.qcow2 --compare disk.raw
expect_refusal 2 '--limit-rate: ' from_pipe image.qcow2 --limit-rate 0 no.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A restore that is ended says what TARGET is now, dies of the signal, and leaves nothing behind.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 16M disk.raw
data disk.raw 0 16*M
"$tool" disk.raw >image.qcow2

# ended SIGNAL PATTERN ARGUMENT...: when half of the image has come.
ended() {
  local signal=$1 pattern=$2 status=0
  shift 2
  rm -f pipe
  mkfifo pipe
  "$from_stdin" "$@" <pipe 2>stderr >stdout &
  job=$!
  exec {to}>pipe
  head -c 8M image.qcow2 >&"$to"
  sleep 0.5
  kill -"$signal" $job
  wait $job 2>/dev/null || status=$?
  exec {to}>&-
  [[ $status == $((128 + $(kill -l "$signal"))) ]] || fail "status $status"
  expect_messages 1
  expect_stderr "$pattern"
}
for signal in TERM HUP; do
  ended $signal "new.raw: ended by SIG$signal; new.raw is unchanged" new.raw
  is_not_there new.raw
done
cp disk.raw old.raw
ended TERM 'old.raw: ended by SIGTERM; old.raw is unchanged' --overwrite old.raw
same old.raw disk.raw
: >old.raw
truncate -s 16M old.raw
ended TERM 'old.raw: ended by SIGTERM; old.raw has [0-9]+ of 16777216 bytes' --skip-equal old.raw
expect_status 0 from_pipe image.qcow2 --skip-equal old.raw
same old.raw disk.raw

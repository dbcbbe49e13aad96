#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Descriptors that are closed from the start are never mixed up with the disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 300*K
cp disk.raw before
convert disk.raw wanted

"$tool" disk.raw >image <&-
same image wanted
"$tool" disk.raw >image 2>&-
same image wanted
"$tool" disk.raw >image <&- 2>&-
same image wanted

status=0
"$tool" disk.raw 2>stderr >&- || status=$?
[[ $status == [12] ]] || fail "status $status without a standard output"
expect_messages 1
status=0
"$tool" disk.raw >&- 2>&- <&- || status=$?
[[ $status == [12] ]] || fail "status $status without any descriptor"
same disk.raw before

# Whoever cannot read messages still gets the status, and a warning harms nothing.
for stderr in '&-' /dev/full; do
  status=0
  eval "\"\$tool\" missing.raw 2>$stderr >image" || status=$?
  [[ $status == 1 ]] || fail "status $status where the message cannot be written to $stderr"
  status=0
  eval "\"\$tool\" --frobnicate disk.raw 2>$stderr >image" || status=$?
  [[ $status == 2 ]] || fail "status $status where the message cannot be written to $stderr"
  status=0
  eval "\"\$tool\" wanted 2>$stderr >image" || status=$?
  [[ $status == 0 ]] || fail "status $status where the warning cannot be written to $stderr"
  same image <("$tool" --quiet wanted)
done

# Nothing that is opened takes the place of standard error: a message would be in it.
"$tool" - <disk.raw >image 2>&-
same image wanted
for closed in '2>&-' '<&- 2>&-'; do
  rm -f digest plan report
  eval "\"\$tool\" --verbose --digest sha256=digest --save-plan plan --report report disk.raw \
    >image $closed"
  same image wanted
  sha256sum -c --status digest <wanted || fail "messages are in the digest: $(<digest)"
  "$tool" --plan plan disk.raw >image
  same image wanted
  ! grep -v '^{"event"' report || fail "messages are in the report"
done
# shellcheck disable=SC2002  # a pipe, whose end is a warning
cat disk.raw | "$tool" - >image 2>&-
same image wanted
status=0
"$tool" - >image <&- 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status without a standard input"

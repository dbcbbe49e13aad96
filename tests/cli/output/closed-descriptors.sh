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

T() { "$tool" "$@"; }

# not_open MESSAGE COMMAND: status 1 or 2 and this one line, whatever redirections COMMAND has.
not_open() {
  local status=0
  eval "$2" || status=$?
  [[ $status == [12] ]] || fail "status $status: $2"
  expect_messages 1
  [[ $(<stderr) == "qcow2-to-stdout: $1" ]] || fail "instead of '$1': $2"
}
not_writable='standard output: cannot be written: it is not open'
not_open "$not_writable" 'T disk.raw 2>stderr >&-'
not_open "$not_writable" 'T disk.raw <&- 2>stderr >&-'
not_open "$not_writable" 'T --flush --digest sha256 disk.raw 2>stderr >&-'
for option in --help --version '--measure disk.raw' '--measure=size disk.raw'; do
  not_open "$not_writable" "T $option 2>stderr >&-"
done
for input in - /dev/stdin /dev/fd/0 /proc/self/fd/0; do
  name=${input/#-/standard input}
  for options in '' '--size 5 --scan none' '--map disk.map'; do
    [[ -z $options || $input == - ]] || continue
    not_open "$name: cannot be read: it is not open" "T $options $input 2>stderr >image <&-"
  done
done
not_open '/dev/stdin: cannot be read: it is not open' \
  'T --base /dev/stdin disk.raw 2>stderr >image <&-'
not_open '/dev/fd/0: cannot be read: it is not open' \
  'T --changed-map /dev/fd/0 disk.raw 2>stderr >image <&-'
for fd in 0 9; do
  not_open "-p, --progress: '$fd' is not an open file descriptor" \
    "T --progress=$fd disk.raw 2>stderr >image <&-"
  not_open "--report: '$fd' is not an open file descriptor" \
    "T --report=$fd disk.raw 2>stderr >image <&-"
  not_open "--json-header-info: '$fd' is not an open file descriptor" \
    "T --json-header-info $fd disk.raw 2>stderr >image <&-"
done
not_open '/dev/fd/0: cannot be written: it is not open' \
  'T --digest sha256=/dev/fd/0 disk.raw 2>stderr >image <&-'

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

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --size N --scan none: the image begins before the input has ended, and nothing is kept. The last
# piece waits until the input was seen to end where it should.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# input: the disk, for who may not want all of it.
input() { cat disk.raw 2>cat.log || true; }

data disk.raw 0 20*M+333
size=$(size_of disk.raw)
convert disk.raw wanted --scan none
streamed=(--size "$size" --scan none --spool-dir /nonexistent)

# The first bytes need the start of the input, for the warning about images; with -f raw not even that.
mkfifo fifo
for options in '' '-f raw'; do
  exec {feed}<>fifo
  rm -f pipe && mkfifo pipe
  # shellcheck disable=SC2086
  "$tool" "${streamed[@]}" $options - <fifo >pipe 2>stderr {feed}>&- &
  stalled=$!
  exec {from_pipe}<pipe
  [[ -n $options ]] || part disk.raw 0 512 >&"$feed"
  timeout 20 head -c 65536 <&"$from_pipe" >received || fail "nothing before the input ends"
  [[ $(size_of received) == 65536 ]]
  if [[ -n $options ]]; then cat disk.raw; else part disk.raw 512 "$size"; fi >&"$feed" &
  head -c $(($(size_of wanted) - 65536 - 70000)) <&"$from_pipe" >>received
  wait $!
  # All has been fed, but it may go on: so the end does not come.
  timeout 1 cat <&"$from_pipe" >>received && fail "the image ended before the input"
  (($(size_of received) < $(size_of wanted))) || fail "all was written before the input ended"
  exec {feed}>&-
  drain
  [[ $status == 0 ]] || fail "status $status"
  expect_silence
  same received wanted
done

# A range: what comes before it is read and dropped.
for range in '--offset 0 --length 100' '--offset 5M' '--offset 5M --length 1M' \
  "--offset $(size_of wanted)" "--offset $(($(size_of wanted) - 100000))"; do
  # shellcheck disable=SC2086
  expect_status 0 "$tool" "${streamed[@]}" $range - < <(input)
  expect_silence
  # shellcheck disable=SC2086
  same stdout <("$tool" --scan none $range disk.raw)
done

# Too short: as soon as it shows. Too long: before the last piece.
for wrong in "$((size + 1))" "$((size + 1000000))" $((100 * M)) "$((size - 1))" $((10 * M)) 513; do
  announced=$("$tool" --scan none --measure=size --size "$wrong" - < <(input))
  expect_status 1 "$tool" --size "$wrong" --scan none - < <(input)
  expect_messages 1
  if ((wrong < size)); then
    expect_stderr 'standard input: is longer than announced'
  else
    expect_stderr "standard input: is shorter than announced.*$size of"
  fi
  expect_stderr "output is incomplete \([0-9]+ of $announced bytes\)"
  (($(size_of stdout) < announced)) || fail "no less than announced"
done
expect_refusal 1 'standard input: is shorter than announced: it ended after 0' \
  "$tool" --size 1M --scan none - < <(:)

# Nothing from nothing.
: >empty.raw
expect_status 0 "$tool" --size 0 --scan none - < <(:)
expect_silence
same stdout <("$tool" empty.raw)
expect_status 1 "$tool" --size 0 --scan none - < <(echo)
expect_stderr 'standard input: is longer than announced'
(($(size_of stdout) < $("$tool" --measure=size empty.raw)))

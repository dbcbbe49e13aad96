#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How a mounted image ends: by unmounting, by a signal, with the command of --run, or when the program is killed.
# shellcheck disable=SC2016  # the command of --run has $image in its environment
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"

truncate -s 30M disk.raw
data disk.raw 1*M 9*M
need_fuse disk.raw
"$tool" disk.raw >stream.qcow2
mkdir at

is_free() { [[ ! -e at/disk.qcow2 ]] || fail "it is still there"; }

# A signal is the way to end it, so the status is 0; whoever still reads fails. (A shell has its background jobs
# ignore SIGINT.)
for signal in TERM HUP; do
  mounted at disk.raw
  exec {reader}<at/disk.qcow2
  head -c 100 <&"$reader" >/dev/null
  kill -s "$signal" "$mounter"
  ended
  [[ $status == 0 ]] || fail "status $status after SIG$signal"
  [[ ! -s at.stderr ]] || fail "said: $(<at.stderr)"
  is_free
  ! cat <&"$reader" >/dev/null 2>&1 || fail "a reader went on"
  exec {reader}<&-
done

# The command of --run: its output is its own, and so is the status.
expect_status 0 "$tool" --mount at --run 'cmp "$image" stream.qcow2 && echo $size $id' disk.raw
expect_silence
[[ $(<stdout) == "$(size_of stream.qcow2) $("$tool" --measure=id disk.raw)" ]] || fail "the command said: $(<stdout)"
is_free
expect_status 7 "$tool" --mount at --run 'head -c 5 "$image" >/dev/null; exit 7' disk.raw
expect_stderr '^qcow2-to-stdout: --run: the command failed: exit status 7$'
is_free
expect_status 143 "$tool" --mount at --run 'kill -TERM $$' disk.raw
is_free
# It has no standard input, and does not outlive the mount.
expect_status 0 "$tool" --mount at --run '[ "$(wc -c)" = 0 ]' disk.raw
"$tool" --mount at --run 'echo $$ >command.pid; sleep 1000' disk.raw 2>stderr &
mounter=$!
while [[ ! -s command.pid ]]; do sleep 0.05; done
fusermount3 -u at
ended
[[ $status == 0 ]] || fail "status $status where it was unmounted under the command"
! kill -0 "$(<command.pid)" 2>/dev/null || fail "the command outlived the mount"
rm command.pid
"$tool" --mount at --run 'echo $$ >command.pid; sleep 1000' disk.raw 2>stderr &
mounter=$!
while [[ ! -s command.pid ]]; do sleep 0.05; done
kill -TERM "$mounter"
ended
[[ $status == 0 ]] || fail "status $status where a signal ended it under the command"
! kill -0 "$(<command.pid)" 2>/dev/null || fail "the command outlived the program"
is_free

# What a program that was killed leaves is removed with fusermount3, as the message says.
mounted at disk.raw
kill -KILL "$mounter"
ended
expect_refusal 1 'at: cannot be mounted on: .*fusermount3 -u at$' "$tool" --mount at disk.raw
fusermount3 -u at
mounted at disk.raw
same at/disk.qcow2 stream.qcow2
unmounted at

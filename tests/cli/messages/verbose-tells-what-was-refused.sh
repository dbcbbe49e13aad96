#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the kernel refuses and what takes its place: with --verbose, or in any program with QCOW2STREAM_TRACE=1, and
# otherwise not a word.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 20M disk.raw
data disk.raw 3*M 15*M
"$tool" disk.raw >wanted
without() { "$DENY_SYSCALLS" EOPNOTSUPP "$@"; }

# told CALLS LINE...: without these calls exactly these lines are told, each once; without being asked none is.
told() {
  local calls=$1
  shift
  without "$calls" "$tool" -T 3 disk.raw >image 2>stderr
  same image wanted
  expect_silence
  without "$calls" "$tool" -T 3 --verbose disk.raw >image 2>stderr
  same image wanted
  grep ' instead$' stderr | sed 's/^qcow2-to-stdout: //' | sort >lines
  printf '%s\n' "$@" | sort | diff - lines >differences || fail "without $calls: $(<differences)"
  QCOW2STREAM_TRACE=1 without "$calls" "$tool" -T 3 disk.raw >image 2>stderr
  same image wanted
  sort stderr | sed 's/^qcow2stream: //' | diff - lines >differences || fail "by the environment: $(<differences)"
  QCOW2STREAM_TRACE=0 without "$calls" "$tool" -T 3 disk.raw >image 2>stderr
  expect_silence
}

told copy_file_range 'standard output: copy_file_range: operation not supported; sendfile instead'
told copy_file_range,sendfile 'standard output: copy_file_range: operation not supported; sendfile instead' \
  'standard output: sendfile: operation not supported; read and write instead'
told io_uring_setup 'disk.raw: io_uring: operation not supported; threads read instead'

# Where nothing is refused nothing is told.
QCOW2STREAM_TRACE=1 "$tool" disk.raw 2>stderr >image
expect_silence
without splice "$tool" --verbose disk.raw 2>stderr | cat >image
same image wanted
expect_stderr '^qcow2-to-stdout: standard output: splice: operation not supported; read and write instead$'

# In another program that uses the library, too.
QCOW2STREAM_TRACE=1 without io_uring_setup "$EXAMPLE_CONVERT" disk.raw >image 2>stderr
expect_stderr '^qcow2stream: .*io_uring: operation not supported; threads read instead$'

sanitized && exit 0
# A file system that does not tell holes, and one that makes no file without a name.
FAULTS=lseek:1+:EINVAL LD_PRELOAD=$FAULT_SHIM "$tool" --verbose disk.raw >image 2>stderr
same image wanted
expect_stderr 'disk.raw: SEEK_DATA: the file system does not tell holes; all of it counts as data$'

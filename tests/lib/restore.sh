# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of qcow2-from-stdin share, besides lib.sh.

# shellcheck disable=SC2034  # lib.sh: expect_messages
speaker=qcow2-from-stdin

# from_pipe IMAGE ARGUMENT...: the image comes through a pipe.
# shellcheck disable=SC2154  # lib.sh says which program
from_pipe() { cat -- "$1" | "$from_stdin" "${@:2}"; }

# restores IMAGE DISK OPTION...: from a pipe and from the file to a new file, which is DISK then. Without a word.
restores() {
  rm -f piped.raw sought.raw
  expect_status 0 from_pipe "$1" "${@:3}" piped.raw
  expect_silence
  same piped.raw "$2"
  expect_status 0 "$from_stdin" "${@:3}" sought.raw <"$1"
  expect_silence
  same sought.raw "$2"
}

# is_not_there FILE: nor anything that was to become it.
is_not_there() {
  [[ ! -e $1 ]] || fail "$1 is there"
  [[ -z $(find . -name ".*$1*" -print -quit) ]] || fail "something of $1 is there"
}

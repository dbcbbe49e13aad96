#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --help is one screen, --version one line; both go to standard output with status 0.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# check_program NAME PROGRAM OPERAND EXAMPLE-STATUS EXAMPLE-PATTERN
check_program() {
  local name=$1 it=$2 operand=$3 lines words
  speaker=$name
  expect_status 0 "$it" --help
  expect_silence
  lines=$(wc -l <stdout)
  ((lines >= 24 && lines <= 96)) || fail "$lines lines of help"
  [[ $(wc -L <stdout) -le 80 ]] || fail "lines of $(wc -L <stdout) columns"
  # A group fits on the smallest terminal; its options stand in two columns that do not touch.
  awk -v RS= '{ if (split($0, lines, "\n") > 24) exit 1 }' stdout || fail "a group of more than 24 lines"
  ! grep -E '^ +-' stdout | grep -vE '^ {2,6}-[^ ].{0,28} +[^ ]' || fail "columns that touch"
  ! grep -E '^ +-' stdout | grep -vE '^.{31} [^ ]' || fail "a column at another place"
  grep -q "man $name" stdout || fail "no manual"
  # The examples are what the program takes: all of it but the input, which is not there.
  "$it" --help | grep -E "^  (.*[|] )?$name " >examples
  [[ $(wc -l <examples) == 2 ]] || fail "no two examples"
  while read -r words; do
    words=${words##*"$name "}
    IFS=' ' read -ra words <<<"${words%%[|>]*}"
    expect_refusal "$4" "$5" "$it" "${words[@]}"
  done <examples
  expect_status 0 "$it" --help
  grep -qi "^usage: .*$name" stdout
  cp stdout help
  expect_status 0 "$it" -h
  same stdout help
  expect_status 0 "$it" "$operand" --help
  same stdout help

  expect_status 0 "$it" --version
  expect_silence
  [[ $(wc -l <stdout) == 1 ]]
  grep -Eq "^$name [0-9]+\.[0-9]+" stdout
  cp stdout version
  expect_status 0 "$it" -V
  same stdout version
}
check_program qcow2-to-stdout "$tool" disk.raw 1 '^qcow2-to-stdout: disk\.(raw|vmdk): '
check_program qcow2-from-stdin "$from_stdin" disk.raw 1 '^qcow2-from-stdin: (/dev/vg/disk|monday.qcow2): '

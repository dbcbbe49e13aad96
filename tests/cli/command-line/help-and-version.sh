#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --help is one screen, --version one line; both go to standard output with status 0.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

expect_status 0 "$tool" --help
expect_silence
lines=$(wc -l <stdout)
((lines >= 24 && lines <= 72)) || fail "$lines lines of help"
[[ $(wc -L <stdout) -le 80 ]] || fail "lines of $(wc -L <stdout) columns"
# A group fits on the smallest terminal; its options stand in two columns that do not touch.
awk -v RS= '{ if (split($0, lines, "\n") > 24) exit 1 }' stdout || fail "a group of more than 24 lines"
! grep -E '^ +-' stdout | grep -vE '^ {2,6}-[^ ].{0,28} +[^ ]' || fail "columns that touch"
! grep -E '^ +-' stdout | grep -vE '^.{31} [^ ]' || fail "a column at another place"
grep -q 'man qcow2-to-stdout' stdout || fail "no manual"
# The examples are what the program takes: all of it but the disk, which is not there.
[[ $(grep -c '^  qcow2-to-stdout ' stdout) == 2 ]] || fail "no two examples"
while read -r _ words; do
  IFS=' ' read -ra words <<<"${words%%[|>]*}"
  expect_refusal 1 '^qcow2-to-stdout: disk\.(raw|vmdk): ' "$tool" "${words[@]}"
done < <("$tool" --help | grep '^  qcow2-to-stdout ')
expect_status 0 "$tool" --help
grep -qi '^usage: .*qcow2-to-stdout' stdout
cp stdout help
expect_status 0 "$tool" -h
same stdout help
expect_status 0 "$tool" disk.raw --help
same stdout help

expect_status 0 "$tool" --version
expect_silence
[[ $(wc -l <stdout) == 1 ]]
grep -Eq '^qcow2-to-stdout [0-9]+\.[0-9]+' stdout
cp stdout version
expect_status 0 "$tool" -V
same stdout version

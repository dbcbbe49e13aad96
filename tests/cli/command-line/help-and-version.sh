#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --help is one screen, --version one line; both go to standard output with status 0.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

expect_status 0 "$tool" --help
expect_silence
lines=$(wc -l <stdout)
((lines >= 24 && lines <= 64)) || fail "$lines lines of help"
[[ $(wc -L <stdout) -le 100 ]] || fail "lines of $(wc -L <stdout) columns"
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

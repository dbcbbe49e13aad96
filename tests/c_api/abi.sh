#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The shared library is still the one that programs were compiled for, by what abidiff finds between it and the dump in
# this directory. Where something was added, or the soname has gone up, make a new dump:
#
#   tests/c_api/abi.sh --renew build/libqcow2stream.so
here=$(cd "$(dirname "$0")" && pwd)
dump=$here/libqcow2stream.so.0.x86_64.abi
# abidw knows public headers by their names, of which some are those of headers that are not.
dump_abi() {
  local headers
  headers=$(mktemp -d)
  cp "$here/../../include/qcow2stream/c.h" "$headers"
  abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --exported-interfaces-only \
    --drop-undefined-syms --drop-private-types --headers-dir "$headers" --out-file "$1" "$2"
  rm -r "$headers"
}
if [[ ${1-} == --renew ]]; then
  dump_abi "$dump" "${2:?the shared library}"
  exit
fi
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$here/../lib/lib.sh" || exit 1

need abidw abidiff
! sanitized || skip "a library with sanitizers has another ABI"
[[ $(uname -m) == x86_64 ]] || skip "the dump is that of x86-64"
dump_abi new.abi "$C_API_LIBRARY"
status=0
abidiff --no-show-locs "$dump" new.abi >difference || status=$?
# 1 and 2: it has not compared; 4: something differs; 8: programs that were compiled do not work any more.
[[ $status == 0 ]] || fail "abidiff has found something ($status); what is new needs a new dump, see the head of this file:
$(<difference)"

# It does find something: a function that has gone.
sed 's/qcow2stream_emit/qcow2stream_omit/g' new.abi >other.abi
status=0
abidiff "$dump" other.abi >/dev/null || status=$?
((status & 8)) || fail "abidiff does not miss a function ($status)"

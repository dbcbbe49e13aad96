#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A program in C11 uses the library, by the shared library and its header alone, and makes what the commands make.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh" || exit 1

# run_c_program RUNNER...: with what the runner does to it.
run_c_program() {
  mkdir work
  (cd work && "$@" "$C_API_PROGRAM") || fail "the program failed"
  same work/emitted.qcow2 <("$tool" work/disk.raw)
  same work/halves.qcow2 work/emitted.qcow2
  [[ $(<work/id) == "$("$tool" --measure=id work/disk.raw)" ]] || fail "another id"
  same work/increment.qcow2 <("$tool" --backing-file emitted.qcow2 --backing-format qcow2 --base work/disk.raw work/new.raw)
  same work/plan <("$tool" --save-plan saved work/disk.raw >/dev/null && cat saved)
  same work/restored.raw work/new.raw
  same work/restored-too.raw work/disk.raw
}

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0
run_c_program env
# Nothing but the functions of the header, and nothing but what it needs.
need nm
shown=$(nm -D --defined-only --format=posix "$C_API_LIBRARY" | awk '$2 != "A" { sub("@.*", "", $1); print $1 }' | sort)
declared=$(grep -oE '\bqcow2stream_[a-z_]+\(' "$source_root/include/qcow2stream/c.h" | tr -d '(' | sort -u)
if ! sanitized; then
  # The header also names some in its comments.
  [[ -z $(comm -13 <(echo "$declared") <(echo "$shown")) ]] || fail "shown, not declared: $(comm -13 <(echo "$declared") <(echo "$shown"))"
  [[ -z $(comm -23 <(echo "$declared") <(echo "$shown")) ]] || fail "declared, not shown: $(comm -23 <(echo "$declared") <(echo "$shown"))"
  need objdump
  objdump -p "$C_API_LIBRARY" | finds -E 'SONAME +libqcow2stream\.so\.0$' || fail "another soname"
fi
# The example.
same <("$EXAMPLE_CONVERT_C" work/disk.raw 2>size) work/emitted.qcow2
[[ $(<size) == "$(stat -c %s work/emitted.qcow2) bytes" ]]
expect_status 1 "$EXAMPLE_CONVERT_C" no-such-disk
expect_stderr '^convert_c: no-such-disk: .*no such file'

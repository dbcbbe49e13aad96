#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A bar on standard error: where it is asked for, or on a terminal while a file is written.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need script
truncate -s 16M disk.raw
data disk.raw 0 16*M
"$tool" disk.raw 2>stderr | wc -c >/dev/null
expect_silence
"$tool" -p disk.raw 2>stderr >image
[[ -s stderr ]] || fail "nothing with -p"
same image <("$tool" disk.raw)
"$tool" --progress disk.raw 2>stderr | wc -c >/dev/null
[[ -s stderr ]] || fail "nothing with --progress"

# shown COMMAND: what it writes to a terminal.
program=$(printf %q "$tool")
shown() { script -qec "$1" typescript </dev/null | tr -d '\r\n'; }
[[ $(shown "$program disk.raw >image") == *100* ]] || fail "no bar on a terminal"
same image <("$tool" disk.raw)
[[ -z $(shown "$program disk.raw | cat >image") ]] || fail "a bar although a pipe is written"
[[ -z $(shown "$program -q disk.raw >image") ]] || fail "a bar with --quiet"
[[ $(shown "$program -p disk.raw | cat >image") == *100* ]] || fail "no bar with -p"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Compressing takes no memory that grows with the disk where nothing is kept of the first pass.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

[[ -x /usr/bin/time ]] || skip "/usr/bin/time is not installed"
! sanitized || skip "sanitizers take memory"

# peak DISK OPTION...: the largest resident set in KiB, with a reader that comes late.
peak() {
  /usr/bin/time -f %M -o memory "$tool" --compress=zlib:1 "${@:2}" "$1" | { sleep 1; cat >/dev/null; }
  tail -n 1 memory
}

data small.raw 0 30*M
data large.raw 0 300*M
small=$(peak small.raw --spool-memory 0)
large=$(peak large.raw --spool-memory 0)
((large < 120 * K)) || fail "$large KiB"
((large < small + 10 * K)) || fail "$large KiB for 300 MiB, $small KiB for 30 MiB"

# With little to keep, too; and in a file.
large=$(peak large.raw --spool-memory 20M)
((large < 140 * K)) || fail "$large KiB with 20 MiB kept"
large=$(peak large.raw --spool-memory 0 --spool-dir .)
((large < 120 * K)) || fail "$large KiB with a spool file"

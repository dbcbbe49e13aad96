#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A sparse disk of 15 TiB takes seconds and little memory.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
[[ -x /usr/bin/time ]] || skip "/usr/bin/time is not installed"
truncate -s 15T disk.raw 2>truncate.log || skip "no sparse file of 15 TiB here: $(<truncate.log)"
for n in {0..49}; do data disk.raw "n * 15*T / 50 + n * 4097" 4*M; done
data disk.raw 15*T-1 1
/usr/bin/time -f %M -o memory timeout 100 "$tool" disk.raw >image
sanitized || (($(<memory) < 64 * 1024)) || fail "$(<memory) KiB of memory"
[[ $(size_of image) == $("$tool" --measure=size disk.raw) ]]
check_image image disk.raw

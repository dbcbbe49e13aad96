#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A run that fails never reports 100/100.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 16M disk.raw
data disk.raw 0 16*M

status=0
"$tool" --progress=3 disk.raw 3>lines >/dev/full 2>stderr || status=$?
[[ $status == 1 ]]
! grep 100/100 lines || fail "output full"

stall 4*M --progress=2 disk.raw
sleep 1  # long enough to be worth a line
data disk.raw 15*M 100 5
drain
[[ $status == 3 ]]
grep -q '/100$' stderr || fail "no progress at all"
! grep 100/100 stderr || fail "disk changed"

set +o pipefail
"$tool" --progress=3 disk.raw 3>lines 2>stderr | head -c 1000000 >/dev/null
! grep 100/100 lines || fail "pipe closed"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Other readers of the disk, and their access times, are no change of it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 32M disk.raw
data disk.raw 0 32*M
convert disk.raw wanted
stall 1000000 disk.raw
cat disk.raw >/dev/null
exec 3<>disk.raw  # opened for writing, but nothing is written
exec 3>&-
drain
[[ $status == 0 ]] || fail "status $status"
expect_silence
same received wanted

# A new modification time is one, whatever was written: nobody can tell.
stall 1000000 disk.raw
touch disk.raw
drain
[[ $status == 3 ]] || fail "status $status"

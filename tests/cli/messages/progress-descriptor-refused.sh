#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Progress to a descriptor that is closed, or that carries the image: status 2.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
expect_refusal 2 '--progress' "$tool" --progress=1 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=77 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=99999999999 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=-1 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=x disk.raw
expect_refusal 2 '--progress' "$tool" --progress= disk.raw
expect_refusal 2 '--progress' "$tool" --progress=3 disk.raw 3</dev/null

# A descriptor that takes nothing any more does not spoil the image.
convert disk.raw wanted
"$tool" --progress=3 disk.raw >image 3>/dev/full
same image wanted
{ (sleep 0.3; "$tool" --progress=3 disk.raw >image) || fail "status $?"; } 3> >(:)
same image wanted

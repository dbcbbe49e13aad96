#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Progress to a descriptor that is closed, or that carries the image: status 2.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
expect_refusal 2 '--progress' "$tool" --progress=1 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=77 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=99999999999 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=-1 disk.raw
expect_refusal 2 '--progress' "$tool" --progress=x disk.raw
expect_refusal 2 '--progress' "$tool" --progress= disk.raw

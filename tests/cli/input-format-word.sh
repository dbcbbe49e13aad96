#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The input format is a word: raw is known; a word that is not is refused before the disk is opened.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
convert disk.raw wanted
convert disk.raw image -f raw
same image wanted
convert disk.raw image --input-format=raw
same image wanted
expect_refusal 2 nonsense "$tool" -f nonsense disk.raw
expect_refusal 2 nonsense "$tool" --input-format nonsense missing.raw

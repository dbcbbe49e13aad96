#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --quiet silences warnings, not errors; --verbose says more; neither touches the image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 1M disk.raw
data disk.raw 0 100*K
convert disk.raw wanted
convert disk.raw image --quiet
same image wanted
"$tool" --verbose disk.raw >image 2>stderr
same image wanted
[[ -s stderr ]] || fail "--verbose says nothing"
! grep -Ev '^qcow2-to-stdout: .' stderr || fail "a message in another form"

"$tool" wanted >/dev/null 2>stderr
expect_messages 1
"$tool" -q wanted >/dev/null 2>stderr
expect_silence
expect_refusal 1 missing.raw "$tool" -q missing.raw
expect_refusal 2 --frobnicate "$tool" -q --frobnicate disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Data files that cannot be described are refused before the first byte.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
name() { printf "%0$1d" 0 | tr 0 n; }

expect_refusal 2 'version' "$tool" -v 2 -d disk.raw
expect_refusal 2 'version' "$tool" -R -v 2 disk.raw
expect_refusal 2 '--data-file' "$tool" --data-file= disk.raw
expect_refusal 2 '--data-file.*512|512.*--data-file' "$tool" -c 512 --data-file="$(name 500)" disk.raw
expect_refusal 2 '--data-file' "$tool" -c 4096 --data-file="$(name 5000)" disk.raw

# The longest names that fit.
for length in 1 7 8 9 100 300; do
  convert disk.raw image -c 512 --data-file="$(name $length)"
  "$helpers/l2_entries.py" image | grep -qx "extension 44415441 b'$(name $length)'" ||
    fail "a name of $length bytes"
done
convert disk.raw image -c 4096 --data-file="$(name 1000)"
"$helpers/l2_entries.py" image | grep -qx "extension 44415441 b'$(name 1000)'"

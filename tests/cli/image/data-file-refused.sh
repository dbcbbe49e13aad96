#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Data files that cannot be described are refused before the first byte.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100
name() { printf "%0$1d" 0 | tr 0 n; }

expect_refusal 2 'version' "$tool" -v 2 -d disk.raw
expect_refusal 2 'version' "$tool" -R -v 2 disk.raw
expect_refusal 2 '--data-file' "$tool" --data-file= disk.raw
# A header of 512 bytes has no room for a name that is worth it.
expect_refusal 2 '--data-file.*512' "$tool" -c 512 -d disk.raw
expect_refusal 2 '--data-file.*512' "$tool" -c 512 -R disk.raw
expect_refusal 2 '--data-file' "$tool" -c 1024 --data-file="$(name 1000)" disk.raw
expect_refusal 2 '--data-file' "$tool" -c 4096 --data-file="$(name 5000)" disk.raw

# Long names that fit.
for length in 1 7 8 9 100 800; do
  convert disk.raw image -c 1024 --data-file="$(name $length)"
  "$helpers/l2_entries.py" image >entries
  grep -qx "extension 44415441 b'$(name $length)'" entries ||
    fail "a name of $length bytes"
done
convert disk.raw image -c 4096 --data-file="$(name 1000)"
"$helpers/l2_entries.py" image >entries
grep -qx "extension 44415441 b'$(name 1000)'" entries

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A range ends at the end of the image at the latest, and may not begin behind it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100*K
convert disk.raw whole
size=$(size_of whole)

convert disk.raw piece --offset $((size - 1))
same piece <(tail -c 1 whole)
convert disk.raw piece --offset $((size - 10)) --length 1000
same piece <(tail -c 10 whole)
convert disk.raw piece --length 1000
same piece <(head -c 1000 whole)
convert disk.raw piece --offset 5 --length 18446744073709551615
same piece <(tail -c +6 whole)
convert disk.raw piece --offset "$size"
[[ ! -s piece ]] || fail "bytes behind the end"
convert disk.raw piece --offset 7 --length 0
[[ ! -s piece ]] || fail "bytes of an empty range"

expect_refusal 2 "--offset.*$size|$size.*--offset" "$tool" --offset $((size + 1)) disk.raw
expect_refusal 2 '--offset' "$tool" --offset 1E --length 1 disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --if-match with the id of another image: status 4 and no output.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 8M disk.raw
data disk.raw 1*M 5*M
touch -d '2024-01-01 10:00:00.123456789' disk.raw
"$tool" --measure=json disk.raw >measure.json
id=$(json measure.json image-id)
expect_status 0 "$tool" --if-match "$id" disk.raw
expect_silence

expect_refusal 4 'disk.raw' "$tool" --if-match "$id" -c 4096 disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match "$id" --scan none disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match "${id}0" disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match "${id%.*}" disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match nonsense --offset 5 disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match nonsense --measure=size disk.raw

# Other data in the same places, a nanosecond later.
data disk.raw 2*M 100 99
touch -d '2024-01-01 10:00:00.123456790' disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match "$id" disk.raw

# The same time, but a cluster more.
data disk.raw 7*M 1
touch -d '2024-01-01 10:00:00.123456789' disk.raw
expect_refusal 4 'disk.raw' "$tool" --if-match "$id" disk.raw

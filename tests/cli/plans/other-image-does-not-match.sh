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

# --measure=id is that id and nothing else, also beside a range.
[[ $("$tool" --measure=id disk.raw) == "$id" && $("$tool" --measure=id --offset 5 disk.raw) == "$id" ]]
cp disk.raw before

# The message says which half of the id differs, what there is to be done, and the id of this image.
refused() { expect_refusal 4 "^qcow2-to-stdout: $1" "$tool" --if-match "${@:2}"; }
not_it='disk.raw: does not give the image of --if-match'
refused "$not_it: the disk has the same size and time, but .* options .*; the image-id is [0-9a-f]{32}\.8388608-1704" \
  "$id" -c 4096 disk.raw
refused "$not_it: the disk has the same size and time, but .* options" "$id" --scan none disk.raw
refused "$not_it: what was given is not the image-id of any image" "${id}0" disk.raw
refused "$not_it: what was given is not the image-id of any image" "${id%.*}" disk.raw
refused "$not_it: what was given is not the image-id of any image; the image-id is $id" nonsense --offset 5 disk.raw
refused "$not_it: what was given is not" nonsense --measure=size disk.raw
refused "$not_it: what was given is empty" '' disk.raw

# Other data in the same places, a nanosecond later.
data disk.raw 2*M 100 99
touch -d '2024-01-01 10:00:00.123456790 UTC' disk.raw
refused "$not_it: the layout is the same, but the disk is of 2024-01-01 10:00:00.123456790 UTC and was of \
2024-01-01 10:00:00.123456789 UTC, .* begin anew.*touch -d @1704103200.123456789 disk.raw" "$id" disk.raw
# What it advises helps, where the content is the same.
cp before disk.raw
touch -d @1704103200.123456789 disk.raw
expect_status 0 "$tool" --if-match "$id" disk.raw

# The same time, but a cluster more.
data disk.raw 7*M 1
touch -d @1704103200.123456789 disk.raw
refused "$not_it: the disk has the same size and time, but" "$id" disk.raw
# All is another; the size alone.
touch disk.raw
refused "$not_it: layout and time stamp are others" "$id" disk.raw

# A disk without a time stamp, and one with it.
cp before disk.raw
no_stamp=$("$tool" --measure=id --size 8M - < <(cat disk.raw))
[[ $no_stamp == *.- ]]
refused "$not_it: the layout is the same, but the disk of that image has no time stamp and this disk has a time stamp: give DISK \
as it was given then" "$no_stamp" disk.raw
refused_as_stream() { "$tool" --if-match "$id" --size 8M - < <(cat disk.raw); }
expect_refusal 4 'the disk of that image has a time stamp and this disk has no time stamp: give DISK' refused_as_stream

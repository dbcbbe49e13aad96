#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is missing of a broken transfer follows with --offset, if --if-match finds the same image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 8M disk.raw
data disk.raw 1*M 5*M
convert disk.raw whole -c 4096
"$tool" -c 4096 --measure=json disk.raw >measure.json
id=$(json measure.json image-id)
[[ $id =~ ^[0-9a-f]{32,}\..+$ ]]

head -c 1234567 whole >received
convert disk.raw rest -c 4096 --if-match "$id" --offset "$(size_of received)"
cat rest >>received
same received whole
convert disk.raw rest -c 4096 --if-match="$id" --offset "$(size_of received)"
[[ ! -s rest ]] || fail "bytes behind the end"

# Threads, another place and another way to find the holes do not make another image.
cp --sparse=never -p disk.raw copy.raw
convert copy.raw image -T 3 --no-extents -c 4096 --if-match "$id"
same image whole

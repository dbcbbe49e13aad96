#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Scan modes, ranges and --measure mean the same for a disk behind NBD as for a file. Nothing tells
# whether it changes: change-detection is none, and the image-id has no stamp.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit python3
truncate -s 10000001 disk.raw
data disk.raw 100 2*M
data disk.raw 9*M 5
dd if=/dev/zero of=disk.raw bs=64K seek=80 count=10 conv=notrunc status=none  # stored zeros
serve socket file disk.raw
serve no-extents --filter=noextents file disk.raw
uri='nbd+unix:///?socket=socket'
for socket in socket no-extents; do
  for options in '' '--scan zeroes' '--no-extents' '--scan none' '--allocated' '-c 4096 -r 8 -T 3'; do
    # shellcheck disable=SC2086
    convert disk.raw wanted $options
    # shellcheck disable=SC2086
    convert "nbd+unix:///?socket=$socket" image $options
    same image wanted
  done
done
convert disk.raw wanted --scan none
for options in '--scan holes --no-extents' '--scan holes'; do
  # shellcheck disable=SC2086
  convert 'nbd+unix:///?socket=no-extents' image $options
  same image wanted
done
convert "$uri" image --scan holes
check_image image disk.raw
convert disk.raw wanted
(($(size_of wanted) <= $(size_of image) && $(size_of image) <= $(size_of wanted) + 12 * 65536))

size=$(size_of wanted)
[[ $("$tool" --measure=size "$uri") == "$size" ]]
offset=0
for length in 1 511 65537 99999 262143 1000000 "$size"; do
  "$tool" --offset $offset --length "$length" "$uri"
  offset=$((offset + length))
done >joined
same joined wanted
expect_status 0 "$tool" --offset "$size" "$uri"
[[ ! -s stdout ]]
expect_refusal 2 offset "$tool" --offset $((size + 1)) "$uri"

"$tool" --measure=json "$uri" >measure.json
"$tool" --measure=json disk.raw >file.json
[[ $(json measure.json change-detection) == none && $(json file.json change-detection) == stat ]]
[[ $(json measure.json required) == "$size" ]]
id=$(json measure.json image-id)
[[ $id =~ ^[0-9a-f]+\.-$ ]] || fail "image-id $id"
[[ ${id%.*} == "$(json file.json image-id | sed 's/\..*//')" ]] || fail "another layout"
expect_status 0 "$tool" --if-match "$id" "$uri"
same stdout wanted
expect_refusal 4 "$id" "$tool" --if-match "0$id" "$uri"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --base-manifest makes an increment of what differs, without a base.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img

# zeros FILE OFFSET LENGTH
zeros() { dd if=/dev/zero of="$1" bs=1M oflag=seek_bytes iflag=count_bytes seek="$(($2))" count="$(($3))" conv=notrunc status=none; }

truncate -s 24M monday.raw
data monday.raw 0 14*M
cp monday.raw tuesday.raw
data tuesday.raw 1*M+100 5000 7
zeros tuesday.raw 5*M 2*M
data tuesday.raw 20*M 1000 9

# increment DISK BASE OPTION...: on top of BASE the image shows DISK, and the manifests fit.
increment() {
  local disk=$1 base=$2
  shift 2
  rm -f new
  convert "$disk" image --base-manifest manifest --save-manifest new -B "$base" -F raw "$@"
  check_image image "$disk"
  [[ $(root_in new "$disk") == "$(root_of "$disk")" ]] || fail "another root: $*"
  # The same without the new manifest, and by parts.
  convert "$disk" again --base-manifest manifest -B "$base" -F raw "$@"
  same image again
  [[ $("$tool" --measure=size --base-manifest manifest -B "$base" -F raw "$@" "$disk") == "$(size_of image)" ]]
  {
    "$tool" --base-manifest manifest -B "$base" -F raw --length 70001 "$@" "$disk"
    "$tool" --base-manifest manifest -B "$base" -F raw --offset 70001 "$@" "$disk"
  } >parts
  same image parts
}

for chunk in 64k 1M 16M; do
  "$tool" --save-manifest manifest --manifest-chunk $chunk monday.raw >/dev/null
  for options in '' '-c 4k' '-c 2M' '-T 1' '--compress=zstd' '-c 16k --extended-l2' '-v 2' '--scan none' \
    '--no-extents'; do
    # shellcheck disable=SC2086  # words
    increment tuesday.raw monday.raw $options
  done
  # Nothing has changed: no data.
  "$tool" --measure=json --base-manifest manifest -B monday.raw -F raw monday.raw >measure.json
  [[ $(json measure.json clusters data) == 0 && $(json measure.json clusters zero) == 0 ]]
done

# With chunks that are clusters it is what --base finds.
"$tool" --save-manifest manifest --manifest-chunk 64k monday.raw >/dev/null
convert tuesday.raw image --base-manifest manifest -B monday.raw -F raw --no-root-trailer
convert tuesday.raw compared --base monday.raw -B monday.raw -F raw
[[ $(size_of image) == "$(size_of compared)" ]]
# Clusters are smaller than chunks: all of a chunk has changed.
"$tool" --measure=json -c 4k --base-manifest manifest monday.raw >measure.json
[[ $(json measure.json clusters data) == 0 ]]

# Disks that grow and shrink.
cp tuesday.raw grown.raw
truncate -s $((30 * M + 512)) grown.raw
data grown.raw 29*M 5000
increment grown.raw monday.raw
head -c 9M tuesday.raw >shrunk.raw
increment shrunk.raw monday.raw
increment shrunk.raw monday.raw --compress

# Without a backing file, what has changed and is zeros is stored.
convert tuesday.raw image --base-manifest manifest
qemu-img check -q image

# A chain by manifests alone.
"$tool" --save-manifest 1 monday.raw >monday.qcow2
"$tool" --base-manifest 1 --save-manifest 2 -B monday.qcow2 -F qcow2 tuesday.raw >tuesday.qcow2
cp tuesday.raw wednesday.raw
data wednesday.raw 2*M 300 5
"$tool" --base-manifest 2 --save-manifest 3 -B tuesday.qcow2 -F qcow2 wednesday.raw >wednesday.qcow2
check_image wednesday.qcow2 wednesday.raw
[[ $(root_in 3) == "$(root_of wednesday.raw)" ]]
# Each says whose child it is.
[[ $(head -c 128 2 | tail -c 32 | od -An -v -tx1 | tr -d ' \n') == "$(root_in 1)" ]]
[[ $(tail -c 448 wednesday.qcow2 | head -c 32 | od -An -v -tx1 | tr -d ' \n') == "$(root_in 2)" ]]

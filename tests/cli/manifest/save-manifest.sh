#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --save-manifest writes what the disk holds beside the image, and its root into it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img

truncate -s $((20 * M + 700)) disk.raw
data disk.raw 0 3*M
data disk.raw 9*M+5000 70000
data disk.raw 20*M 600
cp disk.raw padded.raw
truncate -s $((20 * M + 1024)) padded.raw
root=$(root_of disk.raw)

# saved OPTION...: the image is right, the manifest too, and the image's last bytes have the root.
saved() {
  rm -f manifest
  convert disk.raw image --save-manifest manifest "$@"
  check_image image padded.raw
  [[ $(root_in manifest disk.raw) == "$root" ]] || fail "another root: $*"
  [[ $(tail -c 512 image | head -c 8) == qcs-root ]]
  [[ $(tail -c 480 image | head -c 32 | od -An -v -tx1 | tr -d ' \n') == "$root" ]]
  # The sizes hold, and the manifest is the same without an image.
  [[ $("$tool" --measure=size --save-manifest measured "$@" disk.raw) == "$(size_of image)" ]]
  same manifest measured
  # Any part is the same, too.
  local at=0 part
  : >parts
  for part in 100000 64K 1000000 ''; do
    "$tool" --save-manifest part --offset "$at" ${part:+--length $part} "$@" disk.raw >>parts
    same manifest part
    at=$(size_of parts)
  done
  same image parts
}
saved
saved -T 1
saved --manifest-chunk 64k
saved --manifest-chunk 16M
saved -c 512
saved -c 2M
saved -c 4k -v 2
saved --extended-l2
saved --scan none
saved --scan holes
saved --compress=zlib
saved --compress=zstd -c 4k
saved --compress --spool-memory 0
convert disk.raw image --save-manifest manifest --digest sha256=digest
sha256sum --quiet -c digest <image
"$tool" --save-manifest manifest --size $((20 * M + 700)) --scan none - < <(cat disk.raw) >image
[[ $(root_in manifest disk.raw) == "$root" ]]
check_image image padded.raw

# Without the trailer.
convert disk.raw image --save-manifest manifest --no-root-trailer
check_image image padded.raw
convert disk.raw plain
[[ $(size_of image) == "$(size_of plain)" ]]

# It is private until it is complete, then as others would be; what was there is replaced.
umask 027
rm manifest
convert disk.raw image --save-manifest manifest
[[ $(stat -c %a manifest) == 640 ]]
chmod 604 manifest
ln manifest other
convert disk.raw image --save-manifest manifest --manifest-chunk 64k
[[ $(stat -c %a manifest) == 604 && ! manifest -ef other ]]
[[ $(root_in other) == "$root" && $(ls) != *manifest.* ]]

# The image id has the root where the survey has hashed the disk.
id=$("$tool" --measure=id --save-manifest manifest disk.raw)
[[ $id == *.root-$root ]]
"$tool" --measure=json --save-manifest manifest disk.raw >measure.json
[[ $(json measure.json content-root) == "$root" && $(json measure.json regions root-trailer) == 512 ]]
# A transfer that went on with the id of its beginning, which had the stamp, still does.
# shellcheck disable=SC2016  # $id is for the command
stamp=$("$tool" --save-manifest manifest --run 'cat >/dev/null; echo $id' disk.raw)
[[ $stamp != *root* ]]
"$tool" --save-manifest manifest --offset 100 --if-match "$stamp" disk.raw >part
"$tool" --save-manifest manifest --offset 100 --if-match "$id" disk.raw >part
expect_refusal 4 'root of the content, which is not known here' "$tool" --if-match "${stamp%.*}.root-$root" \
  --save-manifest manifest disk.raw

# A leaf of 64 KiB that goes out in more pieces than there are buffers.
python3 -c 'import sys
for i in range(2000): sys.stdout.buffer.write(bytes([1 + i % 255]) * 512 + bytes(512))' >fragments.raw
for clusters in 512 1k 2k; do
  timeout 60 "$tool" -c "$clusters" --save-manifest manifest fragments.raw >image || fail "clusters of $clusters"
  [[ $(root_in manifest fragments.raw) == "$(root_of fragments.raw)" ]] || fail "another root: $clusters"
done

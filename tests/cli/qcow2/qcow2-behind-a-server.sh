#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image whose bytes an NBD server has gives what the same image in a file gives: with its compressed clusters,
# snapshots and bitmaps, as a base, and however the server serves it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io nbdkit python3
ext4_disk disk.raw 8M
qemu-img convert -f raw -O qcow2 disk.raw plain.qcow2
qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k disk.raw packed.qcow2
qemu-img snapshot -c before plain.qcow2
qemu-img bitmap --add -g 4k plain.qcow2 step
qemu-io -f qcow2 -c 'write -q -P 7 1M 100k' -c 'write -q -z 3M 64k' plain.qcow2
uri='nbd+unix:///?socket=socket'

# served IMAGE OPTION...: through a URI, and as a program that we start.
served() {
  local file=$1
  shift
  "$tool" -q -f qcow2 "$@" "$file" >wanted
  "$tool" -q -f qcow2 "$@" "$uri" >copy
  same copy wanted
  "$tool" -q -f qcow2 "$@" -- [ nbdkit --readonly file "$file" ] >copy
  same copy wanted
}
for image in plain.qcow2 packed.qcow2; do
  for filter in '' --filter=noextents --filter=noparallel; do
    # shellcheck disable=SC2086
    serve socket $filter file $image
    served $image
    end_process "$server"
  done
  serve socket file $image
  served $image --scan none
  served $image --scan holes -c 1M
  served $image --compress
  "$tool" -q -f auto "$uri" >image
  same image <("$tool" -q -f qcow2 $image)
  end_process "$server"
done
serve socket file packed.qcow2
served packed.qcow2 --compress=keep -c 4k
end_process "$server"

serve socket file plain.qcow2
served plain.qcow2 -l before
served plain.qcow2 --bitmaps
served plain.qcow2 --dirty-bitmap step -B disk.raw -F raw
"$tool" --base "$uri" --base-format qcow2 -B plain.qcow2 -F qcow2 disk.raw >image
same image <("$tool" --base plain.qcow2 --base-format qcow2 -B plain.qcow2 -F qcow2 disk.raw)
"$tool" -q -f qcow2 --measure=json "$uri" >measure.json
[[ $(json measure.json reader) == native ]]
[[ $(json measure.json change-detection) == none ]]
[[ $(json measure.json dropped snapshots) == 1 ]]
expect_refusal 2 '--dirty-bitmap: say -f qcow2 for a bitmap of the image' \
  "$tool" -f auto --dirty-bitmap step -B disk.raw -F raw "$uri"
expect_refusal 2 'an NBD server gives a raw disk or a qcow2 image; --blockdev' "$tool" -f vmdk "$uri"

# Any range of the image can be made alone, and a plan carries it.
size=$("$tool" -q -f qcow2 --measure=size "$uri")
for ((at = 0; at < size; at += 700001)); do
  "$tool" -q -f qcow2 --offset $at --length 700001 "$uri"
done >image
same image <("$tool" -q -f qcow2 plain.qcow2)
"$tool" -q -f qcow2 --save-plan plan "$uri" >image
"$tool" -q -f qcow2 --plan plan --assume-unchanged "$uri" >again
same image again
end_process "$server"

# What it refers to is not looked for.
qemu-img create -q -f qcow2 -b plain.qcow2 -F qcow2 top.qcow2
serve socket file top.qcow2
expect_refusal 1 'refers to another file: "plain.qcow2" cannot be found from where it lies; name the file, or' \
  "$tool" -f qcow2 "$uri"
end_process "$server"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image that comes through standard input, a pipe or a file, gives what the same image in a file gives, without
# QEMU. What it refers to is nowhere.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
mkdir nothing spool
ext4_disk disk.raw 8M
qemu-img convert -f raw -O qcow2 disk.raw plain.qcow2
qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k disk.raw packed.qcow2
qemu-img snapshot -c before plain.qcow2
qemu-io -f qcow2 -c 'write -q -P 7 1M 100k' plain.qcow2

# streamed IMAGE OPTION...: without a word, but for its size where none is given.
streamed() {
  local file=$1
  shift
  "$tool" -q -f qcow2 "$@" "$file" >wanted
  for format in qcow2 auto; do
    PATH=$dir/nothing "$tool" -q -f $format --spool-dir spool "$@" - < <(cat "$file") >copy 2>stderr || fail "$file $*"
    expect_silence
    same copy wanted
  done
  PATH=$dir/nothing "$tool" -q -f qcow2 "$@" - <"$file" >copy
  same copy wanted
  PATH=$dir/nothing "$tool" -q -f qcow2 --size "$(size_of "$file")" "$@" - < <(cat "$file") >copy
  same copy wanted
}
for image in plain.qcow2 packed.qcow2; do
  streamed $image
  streamed $image --scan none
  streamed $image --scan holes -c 2M
  streamed $image --compress=zstd
done
streamed packed.qcow2 --compress=keep -c 4k
streamed plain.qcow2 -l before
[[ -z $(find spool -mindepth 1) ]]

# A file is compared at the end, a stream is not.
[[ $("$tool" -q -f qcow2 --measure=json - <plain.qcow2 | json /dev/stdin reader) == native ]]
[[ $("$tool" -q -f qcow2 --measure=json - <plain.qcow2 | json /dev/stdin change-detection) == stat ]]
[[ $("$tool" -q -f qcow2 --measure=json - < <(cat plain.qcow2) | json /dev/stdin change-detection) == none ]]

# Its end says how large it is.
expect_status 0 "$tool" -f qcow2 - < <(cat packed.qcow2)
expect_messages 1
expect_stderr "standard input: ended after $(size_of packed.qcow2) bytes, which is taken for the size of what it holds; with --size"
head -c -1000 packed.qcow2 >short
expect_refusal 1 'standard input: ' "$tool" -f qcow2 --size "$(size_of packed.qcow2)" - < <(cat short)

# What it refers to.
qemu-img create -q -f qcow2 -b plain.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -q -P 9 2M 64k' top.qcow2
refers='standard input: refers to another file: "plain.qcow2" cannot be found from where it lies; name the file, or'
expect_refusal 1 "$refers" "$tool" -f qcow2 - <top.qcow2
expect_refusal 1 "$refers" "$tool" -q -f qcow2 - < <(cat top.qcow2)
over=(-B plain.qcow2 -F qcow2 --shallow)
"$tool" -f qcow2 "${over[@]}" top.qcow2 >wanted
"$tool" -f qcow2 "${over[@]}" - <top.qcow2 >image
same image wanted
expect_refusal 1 'the top image holds parts of clusters of 1048576 bytes, .*; use -c 65536 or less' \
  "$tool" -f qcow2 "${over[@]}" -c 1M - <top.qcow2
expect_refusal 1 'has fewer images in its chain: 1, not 2' \
  "$tool" -f qcow2 -B plain.qcow2 -F qcow2 --shallow=2 - <top.qcow2
qemu-img create -q -f qcow2 -o data_file=outside.data outside.qcow2 1M
expect_refusal 1 '"outside.data" cannot be found from where it lies' "$tool" -f qcow2 - <outside.qcow2

# What is no such image, or one for QEMU.
expect_refusal 1 'standard input: cannot be read as qcow2' "$tool" -f qcow2 - <disk.raw
"$tool" -f auto - <disk.raw >image
same image <("$tool" disk.raw)
expect_refusal 1 'standard input: cannot be read so: a snapshot can be told of a qcow2 image only' \
  "$tool" -f auto -l before - <disk.raw
if qemu-img convert -f raw -O vmdk disk.raw disk.vmdk 2>convert.log; then
  expect_refusal 1 'standard input: is a vmdk image: QEMU reads it from a file' "$tool" -f auto - <disk.vmdk
  expect_refusal 2 'standard input gives a raw disk or a qcow2 image; QEMU needs a file' "$tool" -f vmdk - <disk.vmdk
fi
expect_refusal 2 '--isolate' "$tool" --isolate -f qcow2 - <plain.qcow2

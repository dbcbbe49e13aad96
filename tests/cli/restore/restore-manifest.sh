#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is restored is held against a manifest, a root, and the root that the image has of itself; what is another
# content is refused before TARGET is finished.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 10M disk
data disk 0 3*M
data disk 5*M+1000 70000
data disk 9*M+512 512*K
truncate -s $((10 * M - 1536)) disk
cp disk other
data other 2*M+70000 5 7
data other 9*M+512 5 7
root=$(root_of disk)

for chunk in 64k 256k 16M; do
  for options in '' '-c 4k' '-c 2M' '--compress' '-v 2 -c 512'; do
    # shellcheck disable=SC2086  # words
    "$tool" --save-manifest manifest --manifest-chunk $chunk --no-root-trailer $options disk >image
    # shellcheck disable=SC2086
    "$tool" $options other >wrong
    restores image disk --manifest manifest --expect-root "$root"
    cmp <(from_pipe image --manifest manifest -) disk
    expect_status 0 "$from_stdin" --check --manifest manifest -i image
    expect_silence
    case $chunk in
      64k) first=2162688 count='2 of 160 chunks of 64 KiB' ;;
      256k) first=2097152 count='2 of 40 chunks of 256 KiB' ;;
      16M) first=0 count='1 of 1 chunks of 16 MiB' ;;
    esac
    expected="does not hold what manifest says: $count differ, the first at $first"
    rm -f disk.raw
    expect_refusal 3 "^qcow2-from-stdin: standard input: $expected; disk.raw is unchanged$" \
      from_pipe wrong --manifest manifest disk.raw
    is_not_there disk.raw
    expect_refusal 3 "^qcow2-from-stdin: wrong: $expected; disk.raw is unchanged$" \
      "$from_stdin" -i wrong --manifest manifest disk.raw
    is_not_there disk.raw
    expect_refusal 3 "$expected" "$from_stdin" --check --manifest manifest -i wrong
    expect_refusal 3 'wrong: does not hold what was expected: its root is [0-9a-f]{64}' \
      "$from_stdin" -i wrong --expect-root "$root" disk.raw
    # Of a stream the last piece does not come.
    from_pipe wrong --manifest manifest - >partial 2>stderr && fail "a wrong stream was complete"
    [[ $(size_of partial) -lt $(size_of disk) ]]
  done
done

# Clusters whose data comes in any order, as QEMU writes them.
if type -P qemu-img >/dev/null && type -P qemu-io >/dev/null; then
  truncate -s 40M late
  qemu-img create -q -f qcow2 -o cluster_size=4k late.qcow2 40M
  for ((i = 39; i >= 0; --i)); do
    printf 'write -q -P %d %d 4k\nwrite -q -P %d %d 60k\n' $((i + 1)) $((i * M + 8192)) $((i + 2)) $((i * M + 3 * 65536 + 512))
  done >commands
  qemu-io -f qcow2 late.qcow2 <commands >/dev/null
  qemu-io -f raw late <commands >/dev/null
  restores late.qcow2 late --expect-root "$(root_of late)"
  cmp <(from_pipe late.qcow2 --expect-root "$(root_of late)" -) late
fi

# A manifest of another disk is known before anything is written.
head -c 1M disk >small
"$tool" --save-manifest smaller small >/dev/null
expect_refusal 4 '^qcow2-from-stdin: smaller: is not a manifest of what image holds: its disk has 1048576 bytes, not 10484224' \
  "$from_stdin" -i image --manifest smaller disk.raw
is_not_there disk.raw
head -c 4000 smaller >damaged
expect_refusal 4 'damaged: ' "$from_stdin" -i image --manifest damaged disk.raw
expect_refusal 1 'none: cannot be opened' "$from_stdin" -i image --manifest none disk.raw
expect_refusal 4 'smaller: is not what is expected: its root is' "$from_stdin" -i image --manifest smaller --expect-root "$root" disk.raw
expect_refusal 2 'is no root' "$from_stdin" -i image --expect-root 00 disk.raw
expect_refusal 2 'salvage' "$from_stdin" -i image --salvage --expect-root "$root" disk.raw

# The table: each wrong manifest with what is said of it, also where it is that of what TARGET holds.
: >empty
cat smaller smaller >twice
sed '1s/manifest 1/manifest 2/' smaller >newer
head -c 4096 smaller >header
for at in 33 39 45 51 70 100 130 4094 4100 4113 4122 4130 8100 8190; do
  cp smaller "flipped-$at"
  flip "flipped-$at" "$at"
done
"$tool" --save-manifest small.manifest small >small.qcow2
cp small small.raw
"$tool" --base-manifest small.manifest -B small.qcow2 -F qcow2 small >increment
refused() {
  expect_refusal 4 "^qcow2-from-stdin: $1: $2" "$from_stdin" -i image --manifest "$1" disk.raw
  is_not_there disk.raw
  expect_refusal 4 "^qcow2-from-stdin: $1: $2" "$from_stdin" --check -i image --manifest "$1"
  expect_refusal 4 "^qcow2-from-stdin: $1: $2" "$from_stdin" --compare --no-image --manifest "$1" small.raw
  expect_refusal 4 "^qcow2-from-stdin: $1: $2" "$from_stdin" --apply -i increment --base-manifest "$1" small.raw
  same small small.raw
}
refused empty 'is not a manifest: it is empty'
refused disk 'is not a manifest'
refused image 'is not a manifest'
refused newer 'is a manifest of another version: this program reads version 1'
refused header 'is a damaged manifest: it ends too early'
refused twice 'is a damaged manifest'
for file in flipped-*; do refused "$file" 'is a damaged manifest: the checksum at offset (0|4096) does not match'; done

# A file system that says of a TARGET that nothing of it is data is not believed.
if [[ -n ${FAULT_SHIM:-} ]]; then
  "$tool" --save-manifest manifest --manifest-chunk 64k disk >image
  for fault in lseek:1+:ENXIO lseek:1+:EINVAL; do
    rm -f target.raw
    truncate -s "$(size_of disk)" target.raw
    data target.raw 0 "$(size_of disk)" 3
    sync target.raw
    expect_status 0 env LD_PRELOAD="$FAULT_SHIM" FAULTS=$fault "$from_stdin" --skip-equal --manifest manifest \
      -i image target.raw
    same target.raw disk
  done
fi

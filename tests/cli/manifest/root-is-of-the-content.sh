#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk has the same root from whatever source it comes, and it is the one of the page.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img nbdkit

truncate -s 40M disk.raw
data disk.raw 0 3*M
data disk.raw 9*M+5000 70000
data disk.raw 30*M+17 1*M
root=$(root_of disk.raw)

# has_root ARGUMENT...: from this source.
has_root() {
  expect_status 0 "$tool" --measure=root "$@"
  expect_silence
  [[ $(<stdout) == "$root" ]] || fail "another root: $*"
}
has_root disk.raw
has_root -T 1 disk.raw
has_root --no-extents disk.raw
has_root --scan none disk.raw
# What the image would look like does not matter.
has_root -c 512 --compress disk.raw
: >older.raw
has_root -B older.raw -F raw --base older.raw disk.raw
cp --sparse=never disk.raw stored.raw
has_root stored.raw
has_root - <disk.raw
expect_status 0 "$tool" --measure=root --size 40M - < <(cat disk.raw)
[[ $(<stdout) == "$root" ]]
expect_status 0 "$tool" --measure=root --scan none --size 40M - < <(cat disk.raw)
[[ $(<stdout) == "$root" ]]
serve sock file disk.raw
has_root 'nbd+unix:///?socket=sock'
for options in '-c 512' '-c 2M' '--compress=zstd' '-v 2'; do
  # shellcheck disable=SC2086  # words
  convert disk.raw image.qcow2 $options
  has_root -f qcow2 image.qcow2
done
qemu-img convert -O vmdk disk.raw image.vmdk
has_root -f vmdk image.vmdk

if [[ $EUID == 0 ]] && loop=$(losetup -f --show -r disk.raw 2>/dev/null); then
  at_exit losetup -d "$loop"
  has_root "$loop"
else
  loop=
fi

# Every source by every kind of image by threads: the root stands in the image, and is the same.
truncate -s $((3 * M + 64 * K)) small.raw
data small.raw 100*K 900*K
data small.raw 2*M+5000 70000
root=$(root_of small.raw)
convert small.raw small.qcow2
qemu-img convert -O vmdk small.raw small.vmdk
serve sock2 file small.raw
[[ -z $loop ]] || { losetup -d "$loop" && loop=$(losetup -f --show -r small.raw) && at_exit losetup -d "$loop"; }
# source_of NAME: its words are in $source.
source_of() {
  case $1 in
    raw) source=(small.raw) ;;
    device) source=("$loop") ;;
    nbd) source=('nbd+unix:///?socket=sock2') ;;
    qcow2) source=(-f qcow2 small.qcow2) ;;
    vmdk) source=(-f vmdk small.vmdk) ;;
    stdin) source=(--size $((3 * M + 64 * K)) -) ;;
  esac
}
for name in raw ${loop:+device} nbd qcow2 vmdk stdin; do
  source_of "$name"
  for cluster in 512 64k 2M; do
    for options in '' --compress --compress=zstd; do
      for threads in 1 3; do
        # shellcheck disable=SC2086
        "$tool" -c $cluster $options -T $threads --save-manifest manifest "${source[@]}" < <(cat small.raw || true) >image
        found=$(tail -c 480 image | head -c 32 | od -An -v -tx1 | tr -d ' \n')
        [[ $found == "$root" ]] || fail "another root: $name -c $cluster $options -T $threads"
      done
    done
  done
done
root=$(root_of disk.raw)

# Its length counts, in sectors.
cp disk.raw longer.raw
truncate -s $((40 * M + 1)) longer.raw
longer=$(root_of longer.raw)
[[ $longer != "$root" && $("$tool" --measure=root longer.raw) == "$longer" ]]
truncate -s $((40 * M + 512)) longer.raw
[[ $("$tool" --measure=root longer.raw) == "$longer" ]]
: >empty.raw
[[ $("$tool" --measure=root empty.raw) == "$(root_of empty.raw)" ]]
truncate -s 15T sparse.raw 2>/dev/null || skip "no file of 15 TiB here"
[[ $("$tool" --measure=root sparse.raw) == ffb189129266363713210963b039f3d3a8d6c94e871ac08f6349f7452ec07a9e ]]

# The page's own roots, by the program of the tests that knows nothing but the page.
: >vector
vector() { grep -qF "\`$(root_of vector)\`" "$source_root/docs/manifest.md" || fail "the page has another root: $1"; }
vector 'nothing'
truncate -s 1M vector
vector '1 MiB of zeros'
printf 'a%.0s' {1..512} >vector
vector '512 times 61'
python3 -c 'import sys; sys.stdout.buffer.write(bytes(i % 251 for i in range(197120)))' >vector
vector 'i modulo 251'

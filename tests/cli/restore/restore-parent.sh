#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --apply looks at TARGET first: an increment goes onto its parent only.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 8M monday
data monday 0 4*M
cp monday tuesday
data tuesday 1*M+1000 300*K 7
data tuesday 6*M 100*K 9
"$tool" --save-manifest monday.manifest monday >/dev/null

# applies IMAGE OPTION...: onto monday it makes tuesday.
applies() {
  cp monday disk.raw
  expect_status 0 "$from_stdin" --apply -i "$@" disk.raw
  expect_silence
  same disk.raw tuesday
  cp monday disk.raw
  expect_status 0 from_pipe "$1" --apply "${@:2}" disk.raw
  expect_silence
  same disk.raw tuesday
}

for options in '' '--compress' '-c 4k' '-c 2M'; do
  # shellcheck disable=SC2086  # words
  "$tool" -B monday.qcow2 -F qcow2 --base-manifest monday.manifest --save-manifest tuesday.manifest $options tuesday >image
  applies image
  applies image --manifest tuesday.manifest
  applies image --base-manifest monday.manifest
  applies image --base-manifest monday.manifest --manifest tuesday.manifest
  applies image --trust-target
  applies image --trust-target --expect-root "$(root_of tuesday)"

  # Another TARGET stays as it is.
  cp monday other
  data other 5*M 10 3
  cp other disk.raw
  expect_refusal 4 '^qcow2-from-stdin: disk.raw: does not hold what image is an increment of: its root is [0-9a-f]{64}, not [0-9a-f]{64}; if --apply broke off there: --trust-target, or --base-manifest and --manifest; disk.raw is unchanged$' \
    "$from_stdin" --apply -i image disk.raw
  same disk.raw other
  for both in '' '--manifest tuesday.manifest'; do
    # shellcheck disable=SC2086
    expect_refusal 4 'disk.raw: does not hold what standard input is an increment of: 1 of 32 chunks of 256 KiB are not those of monday.manifest, the first at 5242880.*; disk.raw is unchanged$' \
      from_pipe image --apply --base-manifest monday.manifest $both disk.raw
    same disk.raw other
  done
  truncate -s 7M disk.raw
  expect_refusal 4 'disk.raw: does not hold what image is' "$from_stdin" --apply -i image disk.raw
  # Trusted, what comes of it is another content; that is found where it is asked for.
  cp other disk.raw
  expect_status 0 "$from_stdin" --apply --trust-target -i image disk.raw
  cp other disk.raw
  expect_refusal 3 'image: does not hold what tuesday.manifest says: 1 of 32 chunks of 256 KiB differ, the first at 5242880' \
    "$from_stdin" --apply --trust-target --manifest tuesday.manifest -i image disk.raw
  # Applied once more.
  cp tuesday disk.raw
  expect_refusal 4 'disk.raw: does not hold what image is an increment of: it holds already what that makes of it' \
    "$from_stdin" --apply -i image disk.raw
  applies image --base-manifest monday.manifest --manifest tuesday.manifest

  # What broke off goes on with both manifests, or where it is trusted.
  cp monday broken.raw
  dd if=tuesday of=broken.raw bs=64k skip=16 seek=16 count=2 conv=notrunc status=none
  cp broken.raw disk.raw
  expect_refusal 4 'if --apply broke off there: --trust-target' "$from_stdin" --apply -i image disk.raw
  expect_status 0 "$from_stdin" --apply --base-manifest monday.manifest --manifest tuesday.manifest -i image disk.raw
  expect_silence
  same disk.raw tuesday
  cp broken.raw disk.raw
  expect_status 0 "$from_stdin" --apply --trust-target -i image disk.raw
  same disk.raw tuesday
  rm tuesday.manifest
done

# Not the manifests that were meant.
"$tool" --save-manifest tuesday.manifest tuesday >/dev/null
cp monday disk.raw
expect_refusal 4 'tuesday.manifest: is not a manifest of what image is an increment of' \
  "$from_stdin" --apply --base-manifest tuesday.manifest -i image disk.raw
"$tool" --save-manifest fine.manifest --manifest-chunk 64k tuesday >/dev/null
expect_refusal 4 'fine.manifest: cannot be compared with monday.manifest' \
  "$from_stdin" --apply --base-manifest monday.manifest --manifest fine.manifest -i image disk.raw
same disk.raw monday

# What breaks off says how it goes on.
truncate -s 32M all
data all 0 32*M 11
"$tool" -B monday.qcow2 -F qcow2 --base-manifest monday.manifest --save-manifest all.manifest all >all.qcow2
head -c 30M all.qcow2 >cut.qcow2
expect_refusal 3 'disk.raw has [0-9]+ of 33554432 bytes of the increment applied, give the same command again with --trust-target$' \
  from_pipe cut.qcow2 --apply disk.raw
expect_status 0 from_pipe all.qcow2 --apply --trust-target disk.raw
same disk.raw all
cp monday disk.raw
expect_refusal 3 'disk.raw has [0-9]+ of 33554432 bytes of the increment applied, give the same command again$' \
  from_pipe cut.qcow2 --apply --base-manifest monday.manifest --manifest all.manifest disk.raw
expect_status 0 from_pipe all.qcow2 --apply --base-manifest monday.manifest --manifest all.manifest disk.raw
same disk.raw all

# Several in one go; TARGET is looked at once.
cp tuesday wednesday
data wednesday 3*M 1*M 3
"$tool" -B monday.qcow2 -F qcow2 --base-manifest monday.manifest tuesday >tuesday.qcow2
"$tool" -B tuesday.qcow2 -F qcow2 --base-manifest tuesday.manifest --save-manifest wednesday.manifest wednesday >wednesday.qcow2
cp monday disk.raw
expect_status 0 "$from_stdin" --apply -i tuesday.qcow2 -i wednesday.qcow2 --manifest wednesday.manifest disk.raw
expect_silence
same disk.raw wednesday

for wrong in '--trust-target' '--base-manifest monday.manifest' '--trust-target --apply --base-manifest monday.manifest'; do
  # shellcheck disable=SC2086
  expect_refusal 2 'trust-target|base-manifest' "$from_stdin" -i image $wrong disk.raw
done

# A device that is larger than the disk, which has grown: what lies behind the parent is no part of the disk.
[[ $EUID == 0 ]] || skip "the rest needs root"
cp monday grown
truncate -s 9M grown
data grown 8*M+70000 1000 4
"$tool" -B monday.qcow2 -F qcow2 --base-manifest monday.manifest --save-manifest grown.manifest grown >grown.qcow2
truncate -s 12M device
data device 0 12*M 99
dd if=monday of=device conv=notrunc status=none
loop=$(losetup -f --show device) || skip "no loop device; the rest is right"
at_exit losetup -d "$loop"
expect_refusal 4 "$loop: does not hold what grown.qcow2 is an increment of.*; $loop is unchanged$" \
  "$from_stdin" --apply -i grown.qcow2 "$loop"
expect_status 0 "$from_stdin" -q --apply --base-manifest monday.manifest -i grown.qcow2 "$loop"
cmp -n $((9 * M)) "$loop" grown
expect_status 0 "$from_stdin" -q --compare --no-image --manifest grown.manifest "$loop"

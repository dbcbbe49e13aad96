#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many compressed clusters share a host cluster; it never gets more references than its refcount
# holds.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
# Each cluster becomes a few hundred bytes or less, so all would share a few host clusters.
tr '\0' '\253' </dev/zero | head -c 12M >disk.raw || true
data disk.raw 7*M 300*K
head -c 500K disk.raw >small.raw
previous=
for bits in 2 4 8 16 32 64; do
  for kind in --compress --compress=zstd; do
    convert disk.raw image -r $bits $kind
    check_image image disk.raw
    convert small.raw small.image -c 512 -r $bits $kind
    check_image small.image small.raw
  done
  # Narrow refcounts take more space, wide ones hold all that fits.
  [[ -z $previous ]] || (($(size_of image) <= previous)) || fail "-r $bits takes more than -r half"
  previous=$(size_of image)
  [[ $bits != 2 ]] || narrow=$previous
done
((narrow > previous)) || fail "narrow refcounts made no difference"
convert disk.raw image -v 2 --compress
check_image image disk.raw
expect_refusal 2 '--compress: refcounts of 1 bit' "$tool" -r 1 --compress disk.raw

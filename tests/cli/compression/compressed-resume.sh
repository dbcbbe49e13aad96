#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A compressed image that broke off is continued with its image id; another encoding is another image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 qemu-img
truncate -s 4M disk.raw
data disk.raw 0 2*M
data disk.raw 3*M+5 100*K
for options in --compress '--compress=zstd -c 4k'; do
  # shellcheck disable=SC2086
  convert disk.raw whole $options
  # shellcheck disable=SC2086
  "$tool" $options --measure=json disk.raw >measured
  id=$(json measured image-id)
  head -c 100001 whole >image
  # What is kept and how many work on it is nobody's concern.
  # shellcheck disable=SC2086
  "$tool" $options --if-match "$id" --offset 100001 --spool-memory 0 -T 3 disk.raw >>image
  same image whole
  check_image image disk.raw

  for other in '-c 4k' --compress=zlib:4 '--compress --deflate-window 32k' --compress=zstd:9; do
    # shellcheck disable=SC2086
    expect_refusal 4 'disk\.raw: does not give the image of --if-match' \
      "$tool" $other --if-match "$id" disk.raw
  done
done

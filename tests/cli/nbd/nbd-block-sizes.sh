#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that reads whole blocks only is asked for whole blocks, wherever clusters and ranges
# begin.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit
ext4_disk disk.raw 8M
convert disk.raw whole
for minimum in 1 512 4096 65536; do
  # Any request that is not of these blocks is an error.
  serve socket --filter=blocksize-policy file disk.raw blocksize-minimum=$minimum \
    blocksize-preferred=64K blocksize-maximum=32M blocksize-error-policy=error
  for options in '-c 512' '' '-c 64k --scan none' '-c 2M --no-extents'; do
    # shellcheck disable=SC2086
    convert disk.raw wanted $options
    # shellcheck disable=SC2086
    convert 'nbd+unix:///?socket=socket' image $options
    same image wanted
  done
  convert 'nbd+unix:///?socket=socket' image --scan holes
  check_image image disk.raw
  convert 'nbd+unix:///?socket=socket' piece --offset 333333 --length 1000001
  same piece <(part whole 333333 1000001)
  end_process "$server"
done

# A size that the server itself cannot read to its end.
head -c 5000001 disk.raw >odd.raw
serve socket --filter=blocksize-policy file odd.raw blocksize-minimum=4096 blocksize-preferred=4096 \
  blocksize-maximum=32M blocksize-error-policy=error
expect_refusal 1 "block size" "$tool" 'nbd+unix:///?socket=socket'

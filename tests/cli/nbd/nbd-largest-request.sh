#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server is never asked for more at once than it says it takes.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit
ext4_disk disk.raw 8M
for maximum in 4096 64K 100K 32M; do
  serve socket --filter=blocksize-policy file disk.raw blocksize-minimum=512 \
    blocksize-preferred=4096 blocksize-maximum=$maximum blocksize-error-policy=error
  for options in '-c 512' '' '-c 2M --scan none' '--offset 33333 --length 5000001'; do
    # shellcheck disable=SC2086
    convert disk.raw wanted $options
    # shellcheck disable=SC2086
    convert 'nbd+unix:///?socket=socket' image $options
    same image wanted
  done
  end_process "$server"
done

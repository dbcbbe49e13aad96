#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What qcow2-to-stdout writes, with every kind of option, comes back as the disk that it was, with its holes.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

ext4_disk disk.raw 24M
truncate -s 33M disk.raw
data disk.raw 33*M-700 512
for options in '' '-c 512' '-c 2M' '-v 2' '-r 1' '-r 64' --compress '--compress=zstd -c 128k' \
  '--compress=zlib -v 2' '--extended-l2 -c 16k' '--scan none' '--scan holes -c 4k'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image.qcow2
  restores image.qcow2 disk.raw
done

# Zeros take no space, but where that is asked for.
"$tool" --scan none disk.raw >image.qcow2
blocks() { stat -c %b "$1"; }
expect_status 0 from_pipe image.qcow2 sparse.raw
expect_status 0 from_pipe image.qcow2 --no-sparse full.raw
same full.raw disk.raw
(($(blocks sparse.raw) < $(blocks full.raw))) || fail "$(blocks sparse.raw) blocks, and $(blocks full.raw) with zeros"

# A disk of nothing, and one without a byte.
truncate -s 64M empty.raw
"$tool" empty.raw >image.qcow2
restores image.qcow2 empty.raw
: >none.raw
"$tool" none.raw >image.qcow2
restores image.qcow2 none.raw

# The number of threads does not matter.
"$tool" --compress disk.raw >image.qcow2
for threads in 1 3 16; do restores image.qcow2 disk.raw -T $threads; done

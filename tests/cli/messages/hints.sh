#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Slips that are easy to make get an answer that tells what was meant.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100

# In qemu-img, -c compresses and -o and -O describe the output.
expect_refusal 2 '-c sets the cluster size' "$tool" -c disk.raw
expect_refusal 2 '--cluster-size|-c' "$tool" -o cluster_size=64k disk.raw
expect_refusal 2 'standard output|qcow2' "$tool" -O qcow2 disk.raw

# Optional values are attached.
expect_refusal 2 'did you mean .?--measure=json' "$tool" --measure json disk.raw
expect_refusal 2 'did you mean .?--measure=size' "$tool" --measure size disk.raw
expect_refusal 2 'did you mean .?--progress=2' "$tool" --progress 2 disk.raw
expect_refusal 2 'did you mean .?--data-file=d.raw' "$tool" --data-file d.raw disk.raw

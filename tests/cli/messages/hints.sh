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
expect_refusal 2 'vmdk.* is not qcow2 or raw' "$tool" -O vmdk disk.raw

# Optional values are attached.
expect_refusal 2 'did you mean .?--measure=json' "$tool" --measure json disk.raw
expect_refusal 2 'did you mean .?--measure=size' "$tool" --measure size disk.raw
expect_refusal 2 'did you mean .?--progress=2' "$tool" --progress 2 disk.raw
expect_refusal 2 'did you mean .?--data-file=d.raw' "$tool" --data-file d.raw disk.raw

# What stands behind the image's name, or where there is none.
expect_refusal 2 'b.qcow2: unexpected argument; .*: qcow2-to-stdout ... disk.raw > b.qcow2$' "$tool" disk.raw b.qcow2
expect_refusal 2 "> 'a b.qcow2'\$" "$tool" -c 4k disk.raw 'a b.qcow2'
expect_refusal 2 '^qcow2-to-stdout: DISK is missing; see --help$' "$tool" -c 4k
for_stdin='^qcow2-to-stdout: DISK is missing; standard input is -: qcow2-to-stdout - < DISK$'
from_file() { "$tool" <disk.raw; }
from_pipe() { "$tool" -c 4k < <(exec head -c 99 disk.raw 2>/dev/null); }
expect_refusal 2 "$for_stdin" from_file
expect_refusal 2 "$for_stdin" from_pipe

# A pipe or a socket in place of DISK.
mkfifo pipe 'a pipe'
expect_refusal 1 '^qcow2-to-stdout: pipe: is a pipe: read it as standard input: qcow2-to-stdout - < pipe$' "$tool" pipe
expect_refusal 1 "qcow2-to-stdout - < 'a pipe'\$" "$tool" 'a pipe'
expect_refusal 1 'is a pipe.*qcow2-to-stdout - < <\(COMMAND\)$' "$tool" <(exec head -c 99 disk.raw 2>/dev/null)
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("a socket")'
expect_refusal 1 'is a socket: if an NBD server listens there, use .nbd\+unix:///\?socket=a%20socket.$' "$tool" 'a socket'

# Options that are misspelt, cut off, or other programs'.
meant() { expect_refusal 2 "^qcow2-to-stdout: $1: unknown option; did you mean $2\?\$" "$tool" "$1" disk.raw; }
meant --measue --measure
meant --maesure --measure
meant --measurre=json --measure
meant --cluster_size --cluster-size
meant --cluster_size=4k --cluster-size
meant --Cluster-Size=4k --cluster-size
meant --refcount_bits=8 --refcount-bits
meant --data_file_raw=on --data-file-raw
meant --clustersize --cluster-size
meant --ofset=5 --offset
meant --output=json --measure=json
meant --output=human --measure
meant --backing_fmt=raw --backing-format
meant --compression_type=zstd '--compress=zlib or --compress=zstd'
meant --image-opts --blockdev
# The beginning of a name will do, but not where other programs mean something by it.
expect_status 0 "$tool" --meas disk.raw
meant --force --force-share
meant -measure --measure
meant -measure=json --measure
expect_refusal 2 'is not qcow2 or raw' "$tool" --output-format=vmdk disk.raw
for word in --frobnicate --x --zzz "--$(printf 'offset%.0s' {1..200})"; do
  expect_refusal 2 'unknown option; see --help$' "$tool" "$word" disk.raw
done
expect_refusal 2 '^qcow2-to-stdout: --ba: is ambiguous: --backing-file, --backing-format, --base, --base-format, --base-manifest$' \
  "$tool" --ba x disk.raw
expect_refusal 2 'use --cluster-size for' "$tool" -o cluster_size=64k disk.raw
expect_refusal 2 'mean --refcount-bits' "$tool" -orefcount_bits=8 disk.raw
expect_refusal 2 'use -c, -r and -v for' "$tool" -o nocow=on disk.raw
expect_refusal 2 '^qcow2-to-stdout: -Z: unknown option; see --help$' "$tool" -pZ disk.raw

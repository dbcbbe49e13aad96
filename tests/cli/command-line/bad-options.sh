#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A command line that makes no sense: status 2, the option's name in the message, no output.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
data disk.raw 0 100

# refused PATTERN ARGUMENT...
refused() { expect_refusal 2 "$1" "$tool" "${@:2}"; }

for size in 0 1 511 513 3000 256 4M 1G; do refused '-c|--cluster-size' -c "$size" disk.raw; done
for bits in 0 3 128 -1 x 16k ''; do refused '-r|--refcount-bits' -r "$bits" disk.raw; done
for version in 0 1 4 -3 v3 ''; do refused '-v|--qcow2-version' -v "$version" disk.raw; done
for scan in '' zero all hole; do refused '--scan' --scan "$scan" disk.raw; done
for threads in -1 x '' 1.5 99999999999; do refused '-T|--threads' -T "$threads" disk.raw; done
for form in xml '' JSON; do refused '--measure' --measure="$form" disk.raw; done
for format in '' r.x; do refused '-f|--input-format' -f "$format" disk.raw; done

for count in 0 -1 x '' 99999999; do
  refused '--connections' --connections "$count" disk.raw
  refused '--requests' --requests "$count" disk.raw
  refused '--timeout' --timeout "$count" disk.raw
done
refused '--blockdev' --blockdev x --object y
refused '--blockdev' --blockdev x
refused '--blockdev' --blockdev '{}' disk.raw
refused '--object' --object '{}' disk.raw
refused '-f' -f vmdk nbd://localhost
refused '-d' -d nbd://localhost
refused '-d' -R -f qcow2 disk.raw
refused '\[' [ nbdkit memory
refused '\[' [ ]

# Narrow and wide refcounts came with version 3.
refused 'version' -v 2 -r 8 disk.raw
refused 'version' -r 64 -v 2 disk.raw

refused '--frobnicate' --frobnicate disk.raw
refused '-Z' -Z disk.raw
refused '--quiet' --quiet=yes disk.raw
for option in -c -r -v -f -T --scan --offset --length --if-match; do
  refused "${option//-/\\-}|argument" disk.raw "$option"
done
refused 'DISK'
refused 'DISK' -c 4096
refused 'other.raw' disk.raw other.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk gives the same compressed image whatever is kept of the first pass, and where, and whichever
# way the disk comes in.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img nbdkit
# Data that shrinks, data that does not, zeros that are stored, and holes.
truncate -s 5000001 disk.raw
data disk.raw 0 1*M
head -c 700000 /dev/urandom | dd of=disk.raw oflag=seek_bytes seek=1500001 conv=notrunc status=none
data disk.raw 3*M+5 1*M
data disk.raw 5000000 1
cp --sparse=always disk.raw sparse.raw
cat disk.raw >dense.raw
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
serve socket file disk.raw

for kind in '--compress -c 4k' '--compress=zstd' '--compress -v 2 -c 512'; do
  # shellcheck disable=SC2086
  convert disk.raw wanted $kind
  check_image wanted disk.raw
  for option in '-T 1' '-T 2' '-T 5' '--spool-memory 0' '--spool-memory 0 -T 1' '--spool-memory 100K' \
    '--spool-memory 1M' '--spool-dir .' '--spool-memory 0 --spool-dir .' \
    '--spool-memory 100K --spool-dir . -T 3' \
    '--no-extents' '--no-extents --spool-memory 50K'; do
    # shellcheck disable=SC2086
    convert disk.raw image $kind $option
    same image wanted
  done
  for disk in sparse.raw dense.raw 'nbd+unix:///?socket=socket'; do
    # shellcheck disable=SC2086
    convert "$disk" image $kind --spool-memory 300K
    same image wanted
  done
  for option in '-q' '--size 5000001' '--spool-memory 0 -q' '--spool-memory 0 --size 5000001'; do
    # shellcheck disable=SC2086
    "$tool" $kind $option - >image < <(cat disk.raw)
    same image wanted
  done
  # shellcheck disable=SC2086
  "$tool" $kind -- [ nbdkit --readonly file disk.raw ] >image
  same image wanted
  # QEMU's disk ends with a sector.
  # shellcheck disable=SC2086
  convert disk.qcow2 image -f qcow2 $kind
  same image wanted
done
[[ -z $(find . -name 'qcow2-to-stdout*') ]] || fail "a spool file stays behind"

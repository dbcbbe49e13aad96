#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the manual says about other readers, "READERS": which options 7-Zip and libqcow read, and which they
# refuse instead of showing another disk.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

seven_zip=$(type -P 7zz || type -P 7z || type -P 7za) || true
mounts=true
{ type -P qcowmount && [[ -c /dev/fuse && $EUID == 0 ]]; } >/dev/null || mounts=false
[[ -n $seven_zip ]] || $mounts || skip "neither 7-Zip nor libqcow is installed"
unmount() { ! mountpoint -q mounted || umount mounted; }
at_exit unmount
mkdir mounted
ext4_disk disk.raw 24M
data base.raw 0 24*M

seven_zip_reads() {
  rm -rf extracted
  "$seven_zip" x -y -tqcow -oextracted image.qcow2 >7z.log 2>&1 && cmp -s extracted/* disk.raw
}
libqcow_reads() {
  local status=0
  qcowmount image.qcow2 mounted >qcowmount.log 2>&1 || return
  cmp -s mounted/qcow1 disk.raw || status=1
  umount mounted
  return $status
}
# reads yes|no OPTION...: whether both do.
reads() {
  local wanted=$1 reader found
  shift
  convert disk.raw image.qcow2 -f raw "$@"
  for reader in ${seven_zip:+seven_zip} $($mounts && echo libqcow); do
    found=yes
    "${reader}_reads" || found=no
    [[ $found == "$wanted" ]] || fail "$reader: $found instead of $wanted: $*"
  done
}

for options in "" "--scan none" "-c 512" "-c 2M" "-r 1" "-r 64" "-v 2" --compress "-v 2 --compress" \
  "--compress --deflate-window 32k" "-c 2M --compress=zlib:5"; do
  # shellcheck disable=SC2086  # options
  reads yes $options
  # The root in the header and behind the last cluster is no matter to them.
  # shellcheck disable=SC2086
  reads yes $options --save-manifest manifest
done
for options in --compress=zstd --extended-l2 -d -R; do reads no $options; done

# 7-Zip refuses increments (libqcow shows them, but not as they are). As one image, both read a chain.
convert base.raw base.qcow2 -f raw
convert disk.raw increment.qcow2 -f raw -B base.qcow2 -F qcow2 --base base.raw
if [[ -n $seven_zip ]]; then
  cp increment.qcow2 image.qcow2
  ! seven_zip_reads || fail "7-Zip reads an increment"
fi
convert increment.qcow2 image.qcow2 -f qcow2
[[ -z $seven_zip ]] || seven_zip_reads || fail "7-Zip: $(<7z.log)"
! $mounts || libqcow_reads || fail "libqcow: $(<qcowmount.log)"

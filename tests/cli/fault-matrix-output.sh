#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, what is written: no room, errors, calls that are short, interrupted or
# would block.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix.sh
. "$(dirname "$0")/../fault-matrix.sh" || exit 1

# --- No room, errors -----------------------------------------------------------------------------

for source in raw compress base; do
  image=$(size_of "$source.wanted")
  for after in 0 1 65537 $((image / 2)) $((image - 1)); do
    shim "output:>$after:ENOSPC" $source file 1 \
      "^qcow2-to-stdout: standard output: write failed: no space left on device; output is incomplete" \
      "no room after $after bytes"
  done
done
for source in qcow2 stdin stdin-at-once compress-twice compress-spool; do
  for after in 0 $(($(size_of "$source.wanted") - 1)); do
    shim "output:>$after:ENOSPC" $source file 1 'standard output: write failed: no space left on device' \
      "no room after $after bytes"
    shim "output:>$after:EIO" $source pipe 1 'standard output: write failed: input/output error' \
      "error after $after bytes"
  done
done
for after in 0 65537 $(($(size_of raw.wanted) - 1)); do
  shim "output:>$after:EIO" raw pipe 1 'standard output: write failed: input/output error' \
    "error after $after bytes"
  shim "output:>$after:ECONNRESET" raw 'socket blocking' 1 'standard output: write failed: connection' \
    "connection reset after $after bytes"
done
all_is_written=1
shim close:1:EIO raw file 1 'standard output: close failed: input/output error' "close fails"
shim close:1:ENOSPC raw file 1 'standard output: close failed: ' "close fails"
all_is_written=

for source in raw compress qcow2 stdin base; do
  run $source /dev/full
  judge "/dev/full" $source /dev/full 1 'standard output: write failed: no space left on device'
  # That of the spool file, too.
  run $source file prlimit --fsize=1048576
  judge "limit of a file's size, 1 MiB" $source file 1 'write failed: file too large'
done
mkdir small
if [[ $EUID == 0 ]] && mount -t tmpfs -o size=1m none small 2>mount.log; then
  at_exit umount "$dir/small"
  for source in raw compress compress-spool base qcow2 stdin; do
    run $source "$dir/small/image"
    cp small/image received
    rm small/image
    judge "a full file system of 1 MiB" $source file 1 \
      'standard output: write failed: no space left on device'
  done
  truncate -s 3M full.img
  # What the page cache takes, the device may still refuse: room is asked for first.
  if loop=$(losetup -f --show full.img 2>losetup.log); then
    at_exit losetup -d "$loop"
    run raw "$loop"
    judge "a device that is too small" raw "$loop" 1 'standard output: the device is too small'
  else
    not_tested "a device that is too small" "$(<losetup.log)"
  fi
else
  not_tested "a full file system" "needs root"
fi

# --- What is survived ----------------------------------------------------------------------------

for mode in "raw pipe" "raw file" "raw socket blocking" "compress pipe" "base file" "stdin pipe"; do
  read -r source output <<<"$mode"
  survives "output:1+:short" "$source" "$output"
  survives "output:1+:storm" "$source" "$output"
  survives "output:2:EAGAIN output:4:EINTR output:5:EAGAIN" "$source" "$output"
done
survives "write:1+:short splice:2+:EINVAL" raw pipe
for source in raw qcow2 compress base stdin stdin-at-once; do
  for output in "pipe non-blocking" "socket non-blocking"; do
    run $source "$output"
    judge "a slow reader, calls that would block" $source "$output" 0 ''
  done
done

end_of_table

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Calls that fail, are short or are interrupted in the middle of the data: the bytes stay right, or
# the run fails with the reason.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

[[ -z ${QCOW2STREAM_SANITIZE:-} ]] || skip "a preloaded library and a sanitizer do not go together"
truncate -s 40M disk.raw
data disk.raw 1*M 17*M
data disk.raw 21*M 18*M
"$tool" disk.raw >wanted

# with FAULTS COMMAND...
with() { LD_PRELOAD=$FAULT_SHIM FAULTS=$1 "${@:2}"; }
# goes_on OUTPUT FAULTS
goes_on() {
  case $1 in
    pipe) with "$2" "$tool" --verbose disk.raw 2>stderr | cat >received ;;
    file) with "$2" "$tool" --verbose disk.raw 2>stderr >received ;;
  esac || fail "status $? with $2"
  same received wanted
}

for fault in 3:EINVAL 3:EIO 3+:EIO 1:EINTR 2+:storm 2:EAGAIN 1+:short 5:short; do
  goes_on pipe "splice:$fault"
  goes_on file "copy_file_range:$fault"
  goes_on file "copy_file_range:1+:EXDEV sendfile:$fault"
done
for fault in 1+:short 1:EINTR 1+:storm 3:EAGAIN; do
  goes_on pipe "write:$fault splice:1+:EINVAL"
  goes_on file "write:$fault copy_file_range:1+:EINVAL sendfile:1+:EINVAL"
done
for fault in 1+:short 2+:storm; do
  goes_on pipe "pread:$fault splice:2+:EINVAL"
done

# fails STATUS PATTERN FAULTS: and the output is shorter than it should be.
fails() {
  expect_status "$1" with "$3" "$tool" -f raw disk.raw
  expect_messages 1
  expect_stderr "$2"
  [[ $(size_of stdout) -lt $(size_of wanted) ]] || fail "all bytes were written"
}
for at in 1 2 5; do
  fails 1 'standard output: write failed: no space left on device' \
    "write:$at+:ENOSPC copy_file_range:1+:EINVAL sendfile:1+:EINVAL"
  fails 3 'disk.raw: changed while it was read \(offset [0-9]+ does not read any more\): input/output error' \
    "pread:$at+:EIO copy_file_range:1+:EINVAL sendfile:1+:EINVAL"
done
# What the file system does not say about holes is found by looking.
expect_status 0 with lseek:2+:EIO "$tool" -f raw disk.raw
same stdout wanted

# The kernel says at the very end that it could not write.
expect_status 1 with close:1:EIO "$tool" disk.raw
expect_stderr 'standard output: close failed: input/output error'

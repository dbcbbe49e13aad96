#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file of a file system in user space (FUSE) gives the image of what a reader reads, and is never read ahead: with
# some of them that spoils what the kernel copies afterwards.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdfuse nbdkit fusermount3 mountpoint strace
[[ -z ${QCOW2STREAM_SANITIZE:-} ]] || skip "strace and sanitizers do not go together"
truncate -s 16M disk.raw
data disk.raw 0 3*M
data disk.raw 10*M 2*M
convert disk.raw wanted
mkdir mounted
at_exit fusermount3 -q -u -z "$dir/mounted"
nbdfuse -r mounted/disk --command nbdkit -s --exit-with-parent file disk.raw >nbdfuse.log 2>&1 &
for _ in $(seq 100); do
  mountpoint -q mounted && break
  sleep 0.1
done
mountpoint -q mounted || skip "nothing can be mounted here: $(<nbdfuse.log)"

convert mounted/disk image
same image wanted
"$tool" mounted/disk 2>stderr | cat >image
expect_silence
same image wanted

# ahead DISK: how often it is read ahead.
ahead() {
  strace -f -q -e trace=fadvise64 -o calls "$tool" "$1" >image 2>strace.log || skip "strace: $(head -n 1 strace.log)"
  same image wanted
  grep -c WILLNEED calls || true
}
[[ $(ahead disk.raw) -gt 0 ]] || fail "an ordinary file is not read ahead: $(<calls)"
[[ $(ahead mounted/disk) == 0 ]] || fail "it is read ahead: $(<calls)"

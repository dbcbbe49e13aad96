#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that changes under a mounted image: reads fail, a message says so, and the status is 3. Nobody gets other
# bytes.
# shellcheck disable=SC2016  # the command of --run has $image in its environment
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"

truncate -s 60M disk.raw
data disk.raw 1*M 50*M
cp disk.raw before.raw
need_fuse disk.raw
"$tool" before.raw >stream.qcow2

mounted at disk.raw
exec {reader}<at/disk.qcow2
head -c 5000000 <&"$reader" >first
sleep 0.1
printf x | dd of=disk.raw bs=1 seek=$((45 * M)) conv=notrunc status=none
! cat <&"$reader" >rest 2>cat.log || fail "cat has not seen that the disk changed"
grep -qi 'input/output error' cat.log || fail "cat said: $(<cat.log)"
exec {reader}<&-
# What was read until then is the image.
cat first rest >received
cmp --bytes="$(size_of received)" received stream.qcow2 || fail "other bytes were read"
! cat at/disk.qcow2 >/dev/null 2>&1 || fail "it can be read from the beginning"
fusermount3 -u at
ended
[[ $status == 3 ]] || fail "status $status where the disk changed"
grep -q '^qcow2-to-stdout: disk.raw: changed while it was read.*; no read of the mounted file succeeds any more$' \
  at.stderr || fail "said: $(<at.stderr)"
[[ $(wc -l <at.stderr) == 2 ]] || fail "said: $(<at.stderr)"

# Also where nobody has read since.
mounted at disk.raw
sleep 0.1
touch disk.raw
fusermount3 -u at
ended
[[ $status == 3 ]] || fail "status $status where the disk changed unseen"

# With --allow-changes it is a warning.
mounted at --allow-changes disk.raw
sleep 0.1
touch disk.raw
cat at/disk.qcow2 >/dev/null
cat at/disk.qcow2 >/dev/null
unmounted at
[[ $(grep -c 'going on' at.stderr) == 1 ]] || fail "said: $(<at.stderr)"

# The command of --run fails of it, and our status is the reason.
"$tool" --mount at --run 'sleep 0.1; touch disk.raw; cat "$image" >/dev/null' disk.raw 2>stderr &
mounter=$!
ended
[[ $status == 3 ]] || fail "status $status where the disk changed under the command"

# A disk that cannot be read.
need nbdkit
nbdkit -U - --filter=error memory 30M error-pread-rate=1 error=EIO --run \
  "$(printf '%q ' "$tool" --mount at --scan none --run 'cat "$image" >/dev/null')"'"$uri"' 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status where the disk cannot be read"
expect_stderr 'a read of the mounted file has failed'

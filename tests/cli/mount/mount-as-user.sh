#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Somebody who is not root mounts the image, reads it, and unmounts it.
# shellcheck disable=SC2016  # the command of --run has $image in its environment
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"

truncate -s 8M disk.raw
data disk.raw 1*M 3*M
need_fuse disk.raw
if [[ $EUID == 0 ]]; then
  need setpriv
  mode=$(stat -c %a /dev/fuse)
  ((8#$mode & 6 && (8#$mode & 6) == 6)) || skip "/dev/fuse is not for everybody: its mode is $mode"
  chmod 777 "$dir"
  cp "$tool" tool
  as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
else
  cp "$tool" tool
  as_user() { "$@"; }
fi
"$tool" disk.raw >wanted
chmod 644 disk.raw
as_user mkdir theirs
as_user ./tool --version >/dev/null 2>&1 || skip "another user cannot run programs here"
expect_status 0 as_user ./tool --mount theirs --run 'id -u; cmp "$image" wanted' disk.raw
[[ $(<stdout) == "$(as_user id -u)" ]] || fail "it was read as $(<stdout)"

as_user ./tool --mount theirs disk.raw >path 2>stderr &
mounter=$!
wait_for test -s path
as_user cmp "$(<path)" wanted
# Nobody else can read it.
if [[ $EUID == 0 ]]; then
  ! cat "$(<path)" >/dev/null 2>&1 || fail "somebody else can read it"
fi
as_user fusermount3 -u theirs
ended
[[ $status == 0 ]] || fail "status $status after it was unmounted"

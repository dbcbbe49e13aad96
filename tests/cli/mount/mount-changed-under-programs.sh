#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that changes while a program reads the mounted image: cat, dd, cp, tar, rclone, restic and borg fail, visibly, and
# so do we.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/mount.sh
. "$source_root/tests/lib/mount.sh"

truncate -s 34M disk.raw
data disk.raw 1*M 32*M
need_fuse disk.raw
export RESTIC_REPOSITORY=$dir/restic RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$dir/cache
export BORG_REPO=$dir/borg BORG_PASSPHRASE=secret BORG_BASE_DIR=$dir/home

# fails COMMAND...: reads the image for two seconds at least; the disk changes after some of that.
fails() {
  local program status_of_program=0
  mounted at --limit-rate 16M disk.raw
  "$@" >program.log 2>&1 &
  program=$!
  sleep 0.7
  touch disk.raw
  wait "$program" || status_of_program=$?
  [[ $status_of_program != 0 ]] || fail "succeeded: $*"
  grep -Eqi 'input/output error|file shrank' program.log || fail "$* said: $(<program.log)"
  fusermount3 -u at
  ended
  [[ $status == 3 ]] || fail "status $status where the disk changed under: $*"
}
reads() { "$@" >/dev/null; }
fails reads cat at/disk.qcow2
fails dd if=at/disk.qcow2 of=copy bs=1M
fails cp at/disk.qcow2 copy
fails tar -cf copy.tar at/disk.qcow2
if type -P rclone >/dev/null; then
  export RCLONE_CONFIG=$dir/rclone.conf
  : >rclone.conf
  fails rclone copyto --retries 1 --low-level-retries 1 at/disk.qcow2 stored
  [[ ! -e stored ]] || fail "rclone keeps what it could not read"
fi
if type -P restic >/dev/null; then
  restic -q init
  fails restic backup at/disk.qcow2
fi
if type -P borg >/dev/null; then
  borg init -e repokey-blake2
  fails borg create ::archive at/disk.qcow2
fi

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of --mount share. They source lib.sh first, and find in $mounted where the file is.
# shellcheck disable=SC2034,SC2154

need_fuse() {
  need fusermount3
  [[ -e /dev/fuse ]] || skip "there is no /dev/fuse"
  [[ -r /dev/fuse && -w /dev/fuse ]] || skip "/dev/fuse is for root only: $(stat -c %A /dev/fuse)"
  mkdir mount.tried
  "$tool" --run 'true' --mount mount.tried "$1" 2>mount.log || skip "nothing can be mounted here: $(<mount.log)"
}

mounter=
stop_mounted() {
  [[ -z $mounter ]] || kill "$mounter" || true
  mounter=
}
at_exit stop_mounted

# mounted DIR ARGUMENT...: the program with --mount DIR, and in $mounted the path that it tells.
mounted() {
  local lines
  mkdir -p "$1"
  mkfifo "$1.path"
  "$tool" --mount "$@" <&0 >"$1.path" 2>"$1.stderr" &
  mounter=$!
  exec {lines}<"$1.path"
  read -r mounted <&"$lines" || { wait "$mounter" || true; cat "$1.stderr" >&2; mounter=; fail "nothing was mounted: $*"; }
  exec {lines}<&-
  rm "$1.path"
}

# ended: waits until the program has ended; its status is in $status.
ended() {
  status=0
  wait "$mounter" || status=$?
  mounter=
}

# unmounted DIR: unmounts it, and the program ends with status 0.
unmounted() {
  fusermount3 -u "$1"
  ended
  [[ $status == 0 ]] || { cat "$1.stderr" >&2; fail "status $status after it was unmounted"; }
}

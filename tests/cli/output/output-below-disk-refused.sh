#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What writes into DISK's bytes is refused before the first of them, however far it is below or beside
# DISK: loop devices over one file, over each other, over a file without a name, with overlapping parts.
# Parts that do not overlap are two disks. Also where /sys is not mounted.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 8M behind.raw
data behind.raw 0 3*M
sum=$(cksum <behind.raw)
loop_device behind.raw && whole=$loop
loop_device behind.raw && again=$loop
loop_device "$again" && above=$loop
loop_device behind.raw --sizelimit 4M && first=$loop
loop_device behind.raw -o 4M && second=$loop
loop_device behind.raw -o 2M --sizelimit 4M && middle=$loop
ln -s "$again" link
mknod node b $(("0x$(stat -c %t "$again")")) $(("0x$(stat -c %T "$again")"))

# refused DISK OUTPUT [COMMAND...]
refused() {
  local status=0
  "${@:3}" "$tool" -f raw "$1" 1<>"$2" 2>stderr || status=$?
  [[ $status == 1 ]] || fail "status $status with $1 to $2"
  expect_messages 1
  expect_stderr 'cannot be read: standard output writes to it'
}
all_refused() {
  refused "$whole" "$again" "$@"
  refused "$whole" link "$@"
  refused node "$whole" "$@"
  refused "$above" "$whole" "$@"
  refused behind.raw "$above" "$@"
  refused "$middle" "$first" "$@"
  refused "$second" "$middle" "$@"
  refused "$second" "$above" "$@"
  refused - "$above" "$@" <behind.raw
}
all_refused
# shellcheck disable=SC2016
without_sys=(unshare -m bash -c 'mount -t tmpfs none /sys && "$@"' -)
! "${without_sys[@]}" true 2>unshare.log || all_refused "${without_sys[@]}"
expect_refusal 1 "plan: cannot be written: it is $whole" "$tool" --save-plan plan "$whole" <<<"$(ln behind.raw plan)"
rm plan

loop_device behind.raw
mv behind.raw gone.raw
refused "$loop" "$above"
rm gone.raw
refused "$loop" "$above"
[[ $(cksum <"$whole") == "$sum" ]] || fail "the disk was written to"
"$tool" -q -f raw "$second" 1<>"$first"

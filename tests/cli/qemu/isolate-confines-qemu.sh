#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The QEMU that --isolate starts is confined while it runs, and dies with the program like any other child.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img pgrep
need_isolation
data disk.raw 0 24*M
qemu-img convert -f raw -O vmdk disk.raw disk.vmdk
exec 9<disk.raw # not to be passed on

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
gone() { [[ ! -e /proc/$1 || $(field "$1" State) == Z* ]]; }

# while_running PROGRAM ARGUMENT...
while_running() {
  stall 10000 "${@:2}"
  child=$(pgrep -P "$stalled")
  [[ $(readlink "/proc/$child/exe") == */"$1" ]] || fail "another program: $1"
}

confined() {
  [[ $(field "$child" NoNewPrivs) == 1 && $(field "$child" Seccomp) == 2 ]]
  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
  (((16#$(field "$child" CapPrm) & ~16#6) == 0)) || fail "capabilities: $(field "$child" CapPrm)"
  ! find "/proc/$child/fd" -lname "$dir/disk.raw" | grep . || fail "an open file of ours"
}

# The other program is tried where the first is not.
mkdir programs
for program in qemu-nbd pgrep readlink sed find grep mkfifo rm head cat sleep; do
  ! type -P $program >/dev/null || ln -s "$(type -P $program)" programs/
done
try() {
  while_running "$1" -f vmdk disk.vmdk
  ! (confined) 2>/dev/null || fail "confined without being asked, so this proves nothing"
  drain
  while_running "$1" --isolate -f vmdk disk.vmdk
  confined
  drain
  [[ $status == 0 ]] || fail "status $status"
  while_running "$1" --isolate -f vmdk disk.vmdk
  kill -KILL "$stalled"
  wait_for gone "$child"
  drain 2>/dev/null
}
! type -P qemu-storage-daemon >/dev/null || try qemu-storage-daemon
! type -P qemu-nbd >/dev/null || PATH=$dir/programs try qemu-nbd

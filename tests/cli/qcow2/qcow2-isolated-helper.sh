#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The helper that reads an isolated image is confined, has nothing of ours, and goes with us; what is said if
# it goes first, or is not there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img pgrep
need_isolation
data disk.raw 0 24*M
qemu-img convert -c -f raw -O qcow2 disk.raw disk.qcow2
exec 9<disk.raw # not to be passed on
export SECRET_OF_OURS=this-is-the-secret

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
gone() { [[ ! -e /proc/$1 || $(field "$1" State) == Z* ]]; }
start() {
  stall 10000 --isolate -f qcow2 "$@" disk.qcow2
  helper=$(pgrep -P "$stalled")
  [[ $(readlink "/proc/$helper/exe") == */qcow2stream-confined ]] || fail "another program"
}

start
for task in "/proc/$helper/task"/*; do
  task=$helper/task/${task##*/}
  [[ $(field "$task" NoNewPrivs) == 1 && $(field "$task" Seccomp) == 2 ]] || fail "a thread is not confined"
  for set in CapPrm CapEff CapInh CapAmb; do ((16#$(field "$task" $set) == 0)) || fail "$set"; done
done
for descriptor in "/proc/$helper/fd"/*; do
  case $(readlink "$descriptor") in
    /dev/null | socket:* | "$dir/disk.qcow2") ;;
    *) fail "it has $(readlink "$descriptor")" ;;
  esac
done
! grep -q this-is-the-secret "/proc/$helper/environ" || fail "our environment"
drain
[[ $status == 0 ]] || fail "status $status"
wait_for gone "$helper"
check_image received disk.raw

# We go: so does it.
start
kill -KILL "$stalled"
wait_for gone "$helper"
drain 2>/dev/null

# It goes.
for signal in KILL SEGV; do
  start
  kill -$signal "$helper"
  drain
  [[ $status == 1 ]] || fail "status $status"
  grep -q 'disk.qcow2: .*cannot be read: the process that reads it was ended by signal' stderr ||
    fail "another message"
done

# It waits.
start --timeout 1
kill -STOP "$helper"
drain
[[ $status == 1 ]] || fail "status $status"
expect_stderr 'disk.qcow2: .*the process that reads it has said nothing for 1 s'
wait_for gone "$helper"

# It is not what it should be.
use() { QCOW2STREAM_CONFINED=$1 "$tool" --isolate -f qcow2 disk.qcow2; }
expect_refusal 1 'not-there: cannot be started: no such file' use "$dir/not-there"
expect_refusal 1 'disk.raw: cannot be started: permission denied' use "$dir/disk.raw"
expect_refusal 1 'disk.qcow2: cannot be read: the process that reads it has ended with status 0' use "$(type -P true)"
mkdir alone
cp "$tool" alone/
if ! [[ -e /usr/libexec/qcow2-to-stdout/qcow2stream-confined || -e /usr/local/libexec/qcow2-to-stdout/qcow2stream-confined ]]; then
  expect_refusal 1 'disk.qcow2: cannot be isolated: there is no /.*/qcow2stream-confined' \
    alone/qcow2-to-stdout --isolate -f qcow2 disk.qcow2
fi
# Nor is it looked for in PATH.
mkdir path
printf '#!/bin/sh\n: >%q/found\n' "$dir" >path/qcow2stream-confined
chmod +x path/qcow2stream-confined
PATH=$dir/path:$PATH "$tool" --isolate -f qcow2 disk.qcow2 >/dev/null
[[ ! -e found ]] || fail "from PATH"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --isolate changes nothing but who takes the image apart: the same disk, the same messages and statuses.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

speaker=qcow2-from-stdin
need qemu-img qemu-io pgrep
need_isolation
# Its shadow of the memory is more than the helper may have.
[[ ${QCOW2STREAM_SANITIZE:-} != thread ]] || skip "ThreadSanitizer ends in a process that is confined so"
ext4_disk disk.raw 16M
"$tool" disk.raw >plain.qcow2
"$tool" --compress disk.raw >zlib.qcow2
"$tool" --compress=zstd -c 128k --extended-l2 disk.raw >zstd.qcow2
qemu-img convert -f raw -O qcow2 -c disk.raw qemu.qcow2
qemu-io -f qcow2 -c 'write -q -P 7 3M 100k' -c 'write -q -z 5M 1M' qemu.qcow2
cp disk.raw changed.raw
data changed.raw 2*M 100*K 7
"$tool" -B plain.qcow2 -F qcow2 --base disk.raw changed.raw >increment.qcow2

# alike IMAGE ARGUMENT...: onto a TARGET that holds `before`, if there is such a file.
alike() {
  local image=$1 option
  shift
  for option in '' --isolate; do
    rm -f target
    [[ ! -e before ]] || cp before target
    status=0
    # shellcheck disable=SC2002,SC2086  # a pipe, not the file itself
    cat "$image" | "$from_stdin" $option "$@" >stdout 2>stderr || status=$?
    echo "$status" >>stderr
    [[ -n $option ]] || for file in target stdout stderr; do rm -f wanted.$file; [[ ! -e $file ]] || cp $file wanted.$file; done
  done
  for file in target stdout stderr; do
    [[ ! -e wanted.$file && ! -e $file ]] || cmp wanted.$file $file || fail "another $file: $image $*: $(<stderr)"
  done
}
for image in plain zlib zstd qemu; do
  alike $image.qcow2 target
  [[ $image == qemu ]] || same target disk.raw
  alike $image.qcow2 --check
  alike $image.qcow2 -
  alike $image.qcow2 -T 1 --no-sparse target
  alike $image.qcow2 --max-size 8M target
  alike $image.qcow2 --size 1M target
  alike $image.qcow2 --verify target
done
alike increment.qcow2 target
alike increment.qcow2 --check
cp disk.raw before
alike increment.qcow2 --apply target
same target changed.raw
alike zlib.qcow2 --overwrite target
alike zlib.qcow2 target
data before 1*M 300*K 9
alike zlib.qcow2 --skip-equal target
same target disk.raw
alike zlib.qcow2 --compare target
rm before

# From a file, and what must come.
digest=$(sha256sum zlib.qcow2)
rm -f target
expect_status 0 "$from_stdin" --isolate -i zlib.qcow2 --expect-digest "sha256:${digest%% *}" target
same target disk.raw
rm target
expect_status 3 "$from_stdin" --isolate -i plain.qcow2 --expect-digest "sha256:${digest%% *}" target
[[ ! -e target ]]

# Damage.
for image in plain zlib zstd; do
  size=$(size_of $image.qcow2)
  for offset in 4 24 40 65536 131072 196613 300000 $((size / 2)); do
    ((offset < size)) || continue
    cp $image.qcow2 odd.qcow2
    printf '\377\1\7' | dd of=odd.qcow2 bs=1 seek=$offset conv=notrunc status=none
    alike odd.qcow2 -T 1 target
  done
  head -c $((size / 2)) $image.qcow2 >odd.qcow2
  alike odd.qcow2 target
done
: >odd.qcow2
alike odd.qcow2 target
alike disk.raw target

# What is not together with it.
for options in '--chain .' '-l snapshot' '--spool-dir .' '-i plain.qcow2'; do
  # shellcheck disable=SC2086
  expect_refusal 2 isolate "$from_stdin" --isolate $options -i increment.qcow2 target
done

# The helper is confined, ends with us, and if it ends before, so do we.
slowly() {
  { head -c 1000000 plain.qcow2 && sleep 20; } | "$from_stdin" --isolate target 2>stderr &
  restoring=$!
  wait_for pgrep -P "$restoring" >pid
  helper=$(<pid)
  at_exit end_process "$restoring"
}
gone() { [[ ! -e /proc/$1 || $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status") == Z* ]]; }
confined() { grep -q '^Seccomp:[[:space:]]*2' "/proc/$helper/status"; }
rm -f target
slowly
[[ $(readlink "/proc/$helper/exe") == */qcow2stream-confined ]]
wait_for confined
kill -KILL "$helper"
status=0
wait "$restoring" || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_stderr 'cannot be read: the process that reads it was ended by signal 9'
[[ ! -e target ]]
slowly
kill -KILL "$restoring"
wait_for gone "$helper"

# A header's cluster of which all is used: the name of the backing file lies at its end.
qemu-img create -q -u -f qcow2 -o cluster_size=2M -b far.raw -F raw far.qcow2 1M
printf '\0\0\0\0\0\x1f\xff\xf9' | dd of=far.qcow2 bs=1 seek=8 conv=notrunc status=none
printf far.raw | dd of=far.qcow2 bs=1 seek=2097145 conv=notrunc status=none
alike far.qcow2 target
[[ $(tail -1 wanted.stderr) == 4 ]] || fail "another status: $(<wanted.stderr)"

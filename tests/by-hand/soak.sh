#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
#   tests/by-hand/soak.sh [MINUTES]
# Many disks through the program, some at a time, and one process that uses the library all the
# while: every image is right, and memory, descriptors, processes and files do not grow. Not part of
# the tests; ./dev soak starts it.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

minutes=${1:-20}
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail "a number of minutes, not $minutes"
seconds=$(awk "BEGIN { print int($minutes * 60) }")
: "${SOAK:?must name the program tests/tools/soak.cc}"
need nbdkit qemu-img qemu-nbd pgrep
readonly mark=soak-$$-$RANDOM jobs=${SOAK_JOBS:-4}
mkdir $mark tmp results
export TMPDIR=$dir/tmp

truncate -s 96M disk.raw
data disk.raw 0 9*M
data disk.raw 20*M 24*M+777
head -c 3M /dev/urandom | dd of=disk.raw bs=1M seek=60 conv=notrunc status=none
cp --sparse=always disk.raw base.raw
data base.raw 22*M 3*M 5
qemu-img convert -f raw -O qcow2 disk.raw $mark/disk.qcow2
serve socket -t 8 file disk.raw
uri="nbd+unix:///?socket=$dir/socket"

"$tool" --save-plan plan --measure=size disk.raw >size
commands=(
  "disk.raw"
  "-T 1 --scan holes disk.raw"
  "-c 4096 disk.raw"
  "-f qcow2 $mark/disk.qcow2"
  "-f auto $mark/disk.qcow2"
  "$uri"
  "--connections 1 $uri"
  "-- [ nbdkit --exit-with-parent -r file $mark/disk.raw ]"
  "-"
  "--size 96M --scan none -"
  "--compress disk.raw"
  "--compress=zstd --spool-memory 0 disk.raw"
  "--compress --spool-memory 1M --spool-dir tmp -f qcow2 $mark/disk.qcow2"
  "--base base.raw -B base.raw -F raw disk.raw"
  "--base base.raw -B base.raw -F raw --compress $uri"
  "--digest sha256=/dev/null --digest crc64nvme=/dev/null --report=/dev/null disk.raw"
  "--run cat -f qcow2 $mark/disk.qcow2"
  "--plan plan disk.raw"
  "--save-plan /dev/null --allow-changes disk.raw"
  "--isolate -f qcow2 $mark/disk.qcow2"
  "--extended-l2 --base base.raw -B base.raw -F raw -c 128k -f qcow2 $mark/disk.qcow2")
ln disk.raw $mark/disk.raw

# image N: the N-th of them, from a pipe where it reads its standard input.
image() {
  local words
  read -ra words <<<"${commands[$1]}"
  "$tool" -q "${words[@]}" < <(cat disk.raw 2>/dev/null || true) 2>>messages
}

declare -a wanted
for n in "${!commands[@]}"; do wanted[n]=$(image "$n" | sha256sum); done
same <(image 0) <(image 3)  # and other tests have looked at them
: >messages

# worker K: one after the other until the time is over; some into a file, some into a pipe.
worker() {
  local n rounds=0 wrong=0 sum
  RANDOM=$1
  while ((SECONDS < seconds)); do
    n=$((RANDOM % ${#commands[@]}))
    if ((RANDOM % 2)); then
      sum=$(image "$n" | sha256sum) || sum=failed
    else
      image "$n" >"image.$1" && sum=$(sha256sum <"image.$1") || sum=failed
    fi
    rounds=$((rounds + 1))
    [[ $sum == "${wanted[n]}" ]] || { wrong=$((wrong + 1)) && echo "WRONG: ${commands[$n]}" >>messages; }
    echo "$rounds $wrong" >"result.$1"
    mv "result.$1" "results/$1"
  done
}

# sum_of COLUMN: of what the workers have counted.
sum_of() { find results -type f -exec cat {} + | awk -v column="$1" '{ s += $column } END { print s + 0 }'; }

# state: what the machine holds for the soak.
state() {
  printf 'soak: %6d s: %s images, %s wrong; nbdkit: %s KiB, %s descriptors; processes: %s; files: %s\n' \
    $SECONDS \
    "$(sum_of 1)" \
    "$(sum_of 2)" \
    "$(awk '/VmRSS/ { print $2 }' "/proc/$server/status")" \
    "$(find "/proc/$server/fd" | wc -l)" \
    "$(pgrep -fc -- "$mark" || true)" \
    "$(find tmp -mindepth 1 | wc -l)"
}

nbdkit_descriptors() { find "/proc/$server/fd" | wc -l; }
descriptors_before=$(nbdkit_descriptors)

SECONDS=0
state
nice -n 10 "$SOAK" "$seconds" 3 disk.raw base.raw $mark/disk.qcow2 "$uri" &
library=$!
at_exit end_process $library
workers=()
for ((k = 1; k <= jobs; ++k)); do
  worker $k &
  workers+=($!)
done
while ((SECONDS < seconds)); do
  sleep $((seconds / 20 > 0 ? seconds / 20 : 1))
  state
done
wait "${workers[@]}"
status=0
wait $library || status=$?
wait_for_calm() { ! pgrep -f -- "$mark" >processes && (($(nbdkit_descriptors) <= descriptors_before)); }
wait_for wait_for_calm
state
[[ ! -s messages ]] || { head -n 20 messages && fail "messages, or wrong images"; }
[[ $status == 0 ]] || fail "the library: status $status"
[[ -z $(ls -A tmp) ]] || fail "left behind: $(ls -A tmp)"
! grep -rqvE '^[0-9]+ 0$' results || fail "wrong images"

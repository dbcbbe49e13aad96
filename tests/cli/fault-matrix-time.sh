#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, time and signals: clocks that jump, stops and continuations, kill -9.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix.sh
. "$(dirname "$0")/../fault-matrix.sh" || exit 1

for source in raw qcow2 compress compress-twice base stdin; do
  survives "clock:1+:jump" $source pipe "clocks jump"
done

# --- Stopped and continued -----------------------------------------------------------------------

# start SOURCE: the program, as $job, on a pipe that is open as $from_pipe.
start() {
  local words
  read -ra words <<<"${arguments[$1]}"
  rm -f pipe
  mkfifo pipe
  "$dir/program" -q "${words[@]}" <disk.raw >pipe 2>stderr &
  job=$!
  exec {from_pipe}<pipe
}

# stopping FAULT SOURCE COMMAND: runs COMMAND while a reader takes the image slowly.
stopping() {
  local reader
  start "$2"
  { for _ in {1..20}; do head -c 100000 && sleep 0.02; done && cat; } <&"$from_pipe" >received &
  reader=$!
  exec {from_pipe}<&-
  "$3"
  status=0
  wait "$job" || status=$?
  wait $reader
  judge "$1" "$2" pipe 0 ''
}

storm() {
  while kill -STOP "$job" && kill -CONT "$job"; do sleep 0.001; done 2>/dev/null
}
for source in raw qcow2 compress compress-twice base stdin stdin-at-once; do
  stopping "stopped and continued, over and over" $source storm
done

# As ^Z and fg do, with all that belongs to it: the program and the server that it has started, which
# owes it an answer all the while.
has_child() { pgrep -P "$job" >child; }
pause() {
  wait_for has_child
  sleep 0.4
  kill -STOP "$job" "$(<child)"
  sleep 2.5
  kill -CONT "$job" "$(<child)"
}
if type -P nbdkit >nbdkit.log; then
  ln disk.raw $mark/disk.raw
  arguments[q-slow]="-c 1M --connections 1 --requests 1 --timeout 1 -- [ nbdkit -r --filter=delay"
  arguments[q-slow]+=" file $mark/disk.raw rdelay=300ms ]"
  ./program -q -c 1M disk.raw >q-slow.wanted
  stopping "stopped for longer than the time limit" q-slow pause
else
  not_tested "stopped for longer than the time limit" "nbdkit is not installed"
fi

# --- kill -9 -------------------------------------------------------------------------------------

# killed BYTES SOURCE SECONDS: after so many bytes, and a moment, in which the pipe may take all the rest.
all_is_written=1
killed() {
  start "$2"
  head -c "$1" <&"$from_pipe" >received
  # A moment before, a directory in /tmp holds the socket's name; only SIGKILL can leave it there.
  [[ $2 != q* ]] || wait_for has_child
  sleep "$3"
  kill -KILL "$job" 2>/dev/null || true
  cat <&"$from_pipe" >>received
  exec {from_pipe}<&-
  status=0
  { wait "$job" || status=$?; } 2>/dev/null
  if ((status == 0)); then return; fi  # it was faster
  judge "kill -9 after $1 bytes and $3 s" "$2" pipe 137 -
}
for source in raw qcow2 compress-twice compress-spool stdin stdin-at-once; do
  for moment in 0.005 0.03; do killed 0 $source $moment; done
  killed 1 $source 0
  killed 200000 $source 0
done

end_of_table

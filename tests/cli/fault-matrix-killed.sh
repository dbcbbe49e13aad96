#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, signals and kill -9 with what is written beside the image and with --run: to the
# program, to the process that looks after the command, and to the command.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix-beside.sh
. "$(dirname "$0")/../fault-matrix-beside.sh" || exit 1

count_lags=1  # a signal comes while bytes are on their way

# start SOURCE BYTES [INPUT]: the program, as $job, on a pipe of which so many bytes are taken; it waits
# for a reader of the rest. The shell would have it ignore SIGINT.
start() {
  local words
  read -ra words <<<"${arguments[$1]}"
  prepare_beside
  rm -f pipe
  mkfifo pipe
  # With its input still open for writing here, it would never see the end of that.
  (
    [[ -z ${feed:-} ]] || exec {feed}>&-
    exec env --default-signal=INT "$dir/program" -q "${more[@]}" "${words[@]}" <"${3:-disk.raw}" >pipe 2>stderr
  ) &
  job=$!
  exec {from_pipe}<pipe
  head -c "$2" <&"$from_pipe" >received
}

# finish_run: takes the rest; the status is in $status.
finish_run() { take_rest "$job"; }

# ended_by SIGNAL WORDS SOURCE: the program has it, and ends, though nobody reads.
ended_by() {
  local pattern="^qcow2-to-stdout: .*: ended by SIG$1"
  [[ $1 != KILL ]] || pattern=-
  {
    kill "-$1" "$job"
    wait "$job" || true
    finish_run
  } 2>/dev/null  # what the shell says about it
  judge "SIG$1 $2" "$3" pipe $((128 + $(kill -l "$1"))) "$pattern"
}

# --- To us ---------------------------------------------------------------------------------------

for signal in TERM INT KILL; do
  for with in "$files" "plan digest report" "run $files" "run plan"; do
    # shellcheck disable=SC2086  # words
    with $with
    for bytes in 1 200000; do
      start raw $bytes
      ended_by $signal "after $bytes bytes, $options" raw
    done
  done
done

# While the disk is read for the first time: what is beside the image is open, the command not started.
mkfifo feed
has_read() { grep -q '"reading"' beside/report; }
before_first_byte=1
for signal in TERM HUP INT KILL; do
  for with in "$files" "run digest report"; do
    # shellcheck disable=SC2086
    with $with
    exec {feed}<>feed
    start stdin 0 feed
    head -c 3M disk.raw >&"$feed"
    wait_for has_read
    ended_by $signal "while the disk is read, $options" stdin
    exec {feed}>&-
    feed=
  done
done
before_first_byte=

# While the command finishes: it has all of the image.
all_is_written=1
for signal in TERM HUP INT KILL; do
  with run digest report progress
  more[1]="$command_of_run && exec sleep 1000"
  start raw 0
  cat <&"$from_pipe" >received &
  wait_for test -e beside/end
  ended_by $signal "while the command finishes, $options" raw
done

# --- To the processes of --run -------------------------------------------------------------------

supervisor_is_there() { pgrep -P "$job" -x qcow2-run >supervisor; }
shell_is_there() { pgrep -P "$(<supervisor)" >shell; }
start_with_command() {
  start raw "$1"
  wait_for supervisor_is_there
  wait_for shell_is_there
}

command_ends=1
for command in "$command_of_run" "exec cat $mark/nothing -"; do
  with run digest report progress
  more[1]=$command
  for bytes in 1 200000; do
    start_with_command $bytes
    kill -KILL "$(<supervisor)"
    finish_run
    judge "SIGKILL to qcow2-run after $bytes bytes, ${command%% *}" raw pipe 1 '--run: '
    for signal in TERM KILL; do
      start_with_command $bytes
      kill -$signal "$(<shell)"
      finish_run
      judge "SIG$signal to the command after $bytes bytes, ${command%% *}" raw pipe \
        $((128 + $(kill -l $signal))) '--run: '
    done
  done
done

end_of_table

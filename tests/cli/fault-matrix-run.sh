#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, --run: an image that breaks off, and commands that cannot start, end early, or do
# not want to end.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix-beside.sh
. "$(dirname "$0")/../fault-matrix-beside.sh" || exit 1

with run digest report progress

# --- We fail -------------------------------------------------------------------------------------

# input_fault FAULTS STATUS PATTERN: of what the command is given.
input_fault() { FAULT_FILE=pipe: shim "$1" "$source" pipe "$2" "$3" "command's input: $1"; }

for source in raw compress; do
  image=$(size_of $source.wanted)
  for after in 0 1 65537 $((image / 2)) $((image - 1)); do
    input_fault "file-output:>$after:EIO" 1 'standard input of --run: write failed: input/output error; output is'
  done
  input_fault file-output:1+:short 0 ''
  input_fault file-output:1+:storm 0 ''
done
for at in 12288 $((middle + 12 * K)) $((disk_size - 8 * K)); do
  shim "source:@$at:EIO" scan-none pipe 1 'read at offset [0-9]+ failed: input/output error; output is inc' \
    "emission: file, block at $at"
  shim "source:@$at:EIO" scan-none file 1 'read at offset [0-9]+ failed: input/output error; output is inc' \
    "emission: file, block at $at"
done
feed=(head -c 1M disk.raw)
run stdin-at-once pipe
judge "its writer ends too soon" stdin-at-once pipe 1 'standard input: '
feed=(cat disk.raw)

# command WORDS COMMAND: the one that is run.
command() {
  with run digest report progress
  what=$1
  more[1]="cat $mark/nothing; $2"
}
on_error() {
  shim "source:@$((middle + 12 * K)):EIO poll:1+:skip" scan-none pipe 1 \
    'read at offset [0-9]+ failed: input/output error; output is incomplete' "read error, $what"
}
command "a shell that waits" 'cat && touch beside/end' && on_error
command "no shell" 'exec cat' && on_error
command "a pipe" 'cat | cat && touch beside/end' && on_error
command "it ignores SIGTERM" 'trap "" TERM; cat && touch beside/end' && on_error
command "it cleans up" 'exec 3<&0; trap "exit 3" TERM; cat <&3 & wait; touch beside/end' && on_error
command "another session" 'setsid -w cat && touch beside/end' && on_error
# Any process of the machine may end while we look for those of the command.
for n in 1 5 20; do
  FAULT_FILE=/stat shim "source:@$((middle + 12 * K)):EIO file-read:$n:ESRCH" scan-none pipe 1 \
    'read at offset [0-9]+ failed: input/output error; output is incomplete' "read error, another process ends"
done

# --- It cannot start, or ends --------------------------------------------------------------------

command "fork" 'cat && touch beside/end'
before_first_byte=1
report_is_lost=1  # the process that looks after the command comes first of all
shim fork:1:EAGAIN raw pipe 1 '^qcow2-to-stdout: --run: cannot be started: resource temporarily unavailable$'
shim pipe2:1:EIO raw pipe 1 '^qcow2-to-stdout: --run: cannot be started: '
report_is_lost=
command_ends=1
shim fork:2:EAGAIN raw pipe 127 'standard input of --run: '
for mode in "127 no-such-program" "126 /dev/null" "2 )"; do
  read -r wanted words <<<"$mode"
  command "$words" "$words"
  run raw pipe
  sed -i '/^sh: /d' stderr
  judge "cannot be run: $words" raw pipe "$wanted" 'standard input of --run: '
done
before_first_byte=

# What it says itself is not ours.
ends() {
  local wanted=$1
  run "$source" pipe
  judge "$what" "$source" pipe "$wanted" "$2"
}
# regions SOURCE: the end of each but the last.
regions() {
  # shellcheck disable=SC2086
  ./program -q --measure=json ${arguments[$1]} | python3 -c 'import json, sys
end = 0
for size in list(json.load(sys.stdin)["regions"].values())[:-1]:
    end += size
    print(end)'
}
for source in raw compress; do
  for bytes in 0 1 $(regions $source) $(($(size_of $source.wanted) - 1)); do
    command "it takes $bytes bytes, exit 0" "head -c $bytes" && ends 1 'standard input of --run: '
    [[ $source == raw ]] || continue
    command "it takes $bytes bytes, exit 9" "head -c $bytes; exit 9" && ends 9 'standard input of --run: '
  done
done
source=raw
for signal in TERM KILL; do
  number=$((128 + $(kill -l $signal)))
  command "SIG$signal after a byte" "head -c 1; kill -$signal \$\$" && ends $number 'standard input of --run: '
  all_is_written=1
  command "SIG$signal at the end" "cat; kill -$signal \$\$" && ends $number "command died: signal .* .SIG$signal"
  all_is_written=
done
all_is_written=1
for status_of_command in 1 7 255; do
  command "exit $status_of_command at the end" "cat; exit $status_of_command"
  ends $status_of_command "the command failed: exit status $status_of_command\$"
done
all_is_written=
command "it closes its input and goes on" "head -c 1000; exec <&-; sleep 0.2" && ends 1 'standard input of --run'

end_of_table

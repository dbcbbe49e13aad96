#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The server or the QEMU process that we have started ends when a signal ends us, whenever that comes.
# shellcheck source-path=SCRIPTDIR source=../../lib/failing-sources.sh
. "$(dirname "$0")/../../lib/failing-sources.sh" || exit 1

# judge_end INJECTED SIGNAL [yes]: with the message of the thread that watches signals, which at the very
# beginning may not be there yet.
judge_end() {
  local pattern="ended by SIG$2"
  if [[ $2 == KILL || (${3-} == yes && ! -s stderr) ]]; then pattern=''; fi
  judge "$1" "$((128 + $(kill -l "$2")))" "$pattern" "$announced"
}

program_path=$PATH
is_program() { [[ $(<"/proc/$1/comm") == program ]]; }
for signal in KILL TERM HUP; do
  for source in '-f vmdk' '[ nbdkit'; do
    arguments=(-f vmdk "$mark/disk.vmdk")
    [[ $source == -f* ]] || arguments=(-- '[' nbdkit -r file "$mark/disk.raw" ])
    for moment in 0 15 30 60; do
      begin 0 "${arguments[@]}"
      wait_for is_program "$job"
      # A moment before, a directory in /tmp holds the socket's name; only SIGKILL can leave it there.
      [[ $signal != KILL ]] || wait_for child_of "$job"
      sleep 0.0$moment
      kill -$signal "$job"
      finish_run
      judge_end "$source: SIG$signal to us after $moment ms" $signal yes
    done
    begin 10000 "${arguments[@]}"
    kill -$signal "$job"
    finish_run
    judge_end "$source: SIG$signal to us in the middle" $signal
  done
done

end_of_table

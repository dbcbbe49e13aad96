# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The fault matrix with options that write something beside the image, or have a command read it. A
# line is wrong, too, if
#   there is a digest after a failure, or after success another one than that of the image;
#   there is a plan that is not complete;
#   the report does not end with the status, though it can be written;
#   there is progress to 100/100 after a failure, or not after success;
#   the command of --run has seen the end of an image that is not complete;
#   another file stays behind beside the image.
# shellcheck source=tests/fault-matrix.sh
. "$(dirname "${BASH_SOURCE[0]}")/fault-matrix.sh" || exit 1

need sha256sum

# What the command writes to its standard output goes to ours.
: >$mark/nothing
command_of_run="cat $mark/nothing - && touch beside/end"
declare -A option_words=(
  [digest]="--digest sha256=beside/sum"
  [save-plan]="--save-plan beside/plan"
  [plan]="--plan raw.plan"
  [report]="--report beside/report"
  [progress]="--progress=7"
  [run]="--run"
  [flush]="--flush")
# shellcheck disable=SC2034  # for those who source this
readonly files="digest save-plan report progress"

for source in raw compress; do
  # shellcheck disable=SC2086  # words
  ./program -q --save-plan $source.plan --measure=size ${arguments[$source]} >size
done

# with OPTION...: what is run from here on has these, keys of option_words.
with() {
  local name words
  options="$*"
  more=()
  starts_processes=
  for name; do
    read -ra words <<<"${option_words[$name]}"
    more+=("${words[@]}")
    if [[ $name == run ]]; then more+=("$command_of_run") && starts_processes=1; fi
  done
}
with
has() { [[ " $options " == *" $1 "* ]]; }

readonly old_sum='MD5 (of yesterday) = 00' old_plan='qcow2-to-stdout plan of yesterday'
readonly old_report='{"event":"of yesterday"}'

# With $old the files were there before; $lines_go_to is where the progress goes.
prepare_beside() {
  rm -rf beside
  mkdir beside
  if [[ -n ${old:-} ]]; then
    echo "$old_sum" >beside/sum
    echo "$old_plan" >beside/plan
    echo "$old_report" >beside/report
  fi
  if has progress; then exec 7>"${lines_go_to:-beside/lines}"; fi
}

# file_fault FILE FAULTS SOURCE OUTPUT STATUS PATTERN: calls named file-... are those about FILE.
file_fault() { FAULT_FILE=$1 shim "${@:2:5}" "$1: $2"; }

# What the shell and the command of --run say is not ours.
only_our_messages() { ! has run || sed -i '/^qcow2-to-stdout: /!d' stderr; }

# --- Judging -------------------------------------------------------------------------------------

# Called by judge(), whose variables these are.
judge_beside() {
  exec 7>&-
  if has digest; then judge_digest || problem+=" digest"; fi
  if has save-plan; then judge_plan || problem+=" plan"; fi
  if has report; then judge_report || problem+=" report"; fi
  if has progress; then judge_lines || problem+=" progress"; fi
  if has run; then judge_command || problem+=" end-of-input"; fi
  left+=$(cd beside && find . -type f -not -name sum -not -name plan -not -name report \
    -not -name lines -not -name end)
}

# An old digest goes when the image begins.
judge_digest() {
  if [[ $status == 0 ]]; then
    sha256sum --status --check beside/sum <received
  elif [[ $status == 137 ]]; then
    [[ ! -s beside/sum ]]  # it can be there
  elif [[ -z ${old:-} ]]; then
    [[ ! -e beside/sum ]] || left+="the digest's file "
  else
    [[ ! -s beside/sum ]] || { ((written == 0)) && [[ $(<beside/sum) == "$old_sum" ]]; }
  fi
}

judge_plan() {
  if [[ $status == 0 ]] || cmp -s beside/plan "$source.plan"; then
    cmp -s beside/plan "$source.plan"
  elif [[ $status == 137 ]]; then
    [[ ! -s beside/plan ]]
  elif [[ -n ${old:-} ]]; then
    ! ./program -q --plan beside/plan --assume-unchanged disk.raw >tmp/image 2>tmp/message &&
      rm -f tmp/image tmp/message
  elif [[ -e beside/plan ]]; then
    left+="a piece of the plan "
  fi
}

judge_report() {
  [[ -z ${report_is_lost:-} ]] || return 0
  if [[ $status == 137 && -z ${command_ends:-} ]]; then
    [[ $(<beside/report) != *'"event":"end"'* ]]
  else
    [[ $(grep -c '"event":"end"' beside/report) == 1 ]] &&
      [[ $(tail -n 1 beside/report) == "{\"event\":\"end\",\"status\":$status,"* ]]
  fi
}

judge_lines() {
  [[ -z ${lines_go_to:-} ]] || return 0
  if grep -qx 100/100 beside/lines; then [[ $status == 0 ]]; else [[ $status != 0 ]]; fi
}

judge_command() {
  if [[ -e beside/end ]]; then
    cmp -s received "$source.wanted"
  else
    [[ $status != 0 || -n ${ends_unseen:-} ]]
  fi
}

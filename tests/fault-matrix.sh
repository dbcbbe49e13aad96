# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests fault-matrix-*.sh share: something goes wrong in one way or another, the program runs
# in one mode or another, and a line of a table says what came of it. A line is wrong, and in the end
# the test, if
#   status 0 comes with anything but the right image or with a message;
#   another status comes with as many bytes as were announced, with bytes that are not those of the
#   image, or with anything but one message in the program's form that counts the bytes right;
#   a file or a process stays behind; it takes more than ten seconds.
#
# The test has a /tmp of its own if it may, so that what the program leaves there is seen.
if [[ $EUID == 0 && -z ${FAULT_MATRIX_INSIDE:-} ]] && unshare --mount true 2>/dev/null; then
  FAULT_MATRIX_INSIDE=1 exec unshare --mount bash "$0"
fi
export TMPDIR=/var/tmp
# shellcheck source-path=SCRIPTDIR source=lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh" || exit 1

need python3 qemu-img qemu-nbd pgrep prlimit timeout
! sanitized || skip "preloaded libraries, limits of memory and sanitizers do not go together"

# What the program starts has this word in its command line.
readonly mark=mark-$$-$RANDOM
mkdir $mark tmp
# All that is needed of /tmp, should it be there.
cp "$tool" program
cp "$FAULT_SHIM" shim.so
cp "$DENY_SYSCALLS" deny-syscalls
cp "$helpers/odd_output.py" .
if [[ -n ${FAULT_MATRIX_INSIDE:-} ]]; then
  mount --bind tmp /tmp
  at_exit umount /tmp
fi
export TMPDIR=$dir/tmp

# --- The modes: SOURCE to OUTPUT -----------------------------------------------------------------

# More than a pipe holds on either side of a hole; the last cluster is not whole.
# shellcheck disable=SC2034  # for those who source this
readonly middle=$((2 * M + 128 * K)) disk_size=$((4 * M + 20 * K))
data disk.raw 0 1536*K
data disk.raw 2*M $((disk_size - 2 * M))
cp disk.raw base.raw
data base.raw 64*K 64*K 7
fallocate -p -o $((2 * M)) -l $((disk_size - 2 * M)) base.raw
qemu-img convert -f raw -O qcow2 disk.raw $mark/disk.qcow2

declare -A arguments=(
  # Sources that start a server begin with q.
  [raw]="disk.raw"
  [scan-none]="--scan none disk.raw"
  [qcow2]="-f qcow2 $mark/disk.qcow2"
  [compress]="--compress disk.raw"
  [compress-twice]="--compress --spool-memory 0 disk.raw"
  [compress-spool]="--compress --spool-memory 0 --spool-dir tmp disk.raw"
  [base]="--base base.raw -B base.raw -F raw disk.raw"
  [stdin]="-"
  [stdin-at-once]="--size $disk_size --scan none -")

# image_of SOURCE: announces and prepares what it should give.
image_of() {
  # shellcheck disable=SC2086  # words
  "$dir/program" -q ${arguments[$1]} <disk.raw >"$1.wanted"
}
for source in "${!arguments[@]}"; do image_of "$source"; done

# run SOURCE OUTPUT PREFIX...: the program, behind the words of PREFIX; its bytes are in `received`, its
# status in $status. $feed is the command whose output a source that reads standard input has; $more are
# options that it gets besides.
feed=(cat disk.raw)
more=()
run() {
  local source=$1 output=$2 words
  shift 2
  read -ra words <<<"${arguments[$source]}"
  words=("$@" "$dir/program" -q "${more[@]}" "${words[@]}")
  if declare -F prepare_beside >/dev/null; then prepare_beside; fi
  status=0
  rm -f received
  # shellcheck disable=SC2086  # two words
  case $output in
    file) timed "${words[@]}" >received 2>stderr || status=$? ;;
    pipe) { timed "${words[@]}" 2>stderr || echo $? >failed; } | cat >received ;;
    /*) timed "${words[@]}" >"$output" 2>stderr || status=$? ;;
    *) timed ./odd_output.py $output "${words[@]}" >received 2>stderr || status=$? ;;
  esac
  if [[ -e failed ]]; then status=$(<failed) && rm failed; fi
  [[ -e received ]] || : >received
}

timed() {
  if [[ $source == stdin* ]]; then
    "${feed[@]}" 2>/dev/null | { timeout -k 1 10 "$@" || return $?; }
  else
    timeout -k 1 10 "$@"
  fi
}

# --- Judging -------------------------------------------------------------------------------------

problems=0
lines=0

# left_behind SOURCE
left_behind() {
  local n
  if [[ $1 != q* && -z ${starts_processes:-} ]]; then
    find tmp -mindepth 1 -not -path 'tmp/nbdkit*'
    return
  fi
  for n in {1..50}; do
    pgrep -f -- "$mark" >processes || break  # the kernel kills the child after us
    sleep 0.02
  done
  { xargs -r ps -o args= <processes | cut -c 1-40 &&
    find tmp -mindepth 1 -not -path 'tmp/nbdkit*'; } | tr '\n' ' '
}

# Whether the one message is as it should be; PATTERN may be empty.
right_message() {
  local note
  [[ $(wc -l <stderr) == 1 ]] || return 1
  grep -Eq '^qcow2-to-stdout: .+: .' stderr || return 1
  grep -Eiq -e "$1" stderr || return 1
  ! grep -Eq 'terminate|std::|bad_alloc|[Ii]nvalid state' stderr || return 1
  note=$(grep -Eo 'incomplete \([0-9]+ of [0-9]+ bytes\)' stderr) || return 0
  [[ -z ${reader_leaves:-}${starts_processes:-}${count_lags:-} ]] || return 0
  [[ $note == "incomplete ($written of $announced bytes)" ]]
}

# judge FAULT SOURCE OUTPUT STATUS PATTERN: STATUS is a pattern. $reader_leaves: not all that is written
# is received, and what a pipe holds may be lost. $starts_processes: the same after a failure only, which
# ends the command. $count_lags: more may be received than the message counts. $all_is_written: it fails
# after the last byte. $before_first_byte: before the first one.
judge() {
  local fault=$1 source=$2 wanted_status=$4 problem='' left written announced
  left=$(left_behind "$source")
  written=$(size_of received)
  announced=$(size_of "$source.wanted")
  # shellcheck disable=SC2053
  [[ $status == $wanted_status ]] || problem+=" status"
  [[ $status != 124 && $status != 137 ]] || [[ $wanted_status == 137 ]] || problem+=" time"
  if [[ $status == 0 ]]; then
    [[ ! -s stderr ]] || problem+=" message"
    if [[ -n ${reader_leaves:-} ]]; then
      ((announced - written <= M)) || problem+=" success"
    else
      cmp -s received "$source.wanted" || problem+=" image"
    fi
  else
    [[ -n ${all_is_written:-} ]] || ((written < announced)) || problem+=" not-shorter"
    [[ -z ${before_first_byte:-} ]] || ((written == 0)) || problem+=" too-late"
    if [[ $5 == - ]]; then
      [[ ! -s stderr ]] || problem+=" message"
    else
      right_message "$5" || problem+=" message"
    fi
  fi
  cmp -s -n "$written" received "$source.wanted" || problem+=" bytes"
  if declare -F judge_beside >/dev/null; then judge_beside; fi  # may add to $problem and $left
  [[ -z $left ]] || problem+=" left-behind"
  line "$fault" "$2 to $3" "$status" "$written of $announced" \
    "$(cut -c 18-150 stderr | tr '\n' '~')" "${left:-nothing}" "$problem"
}

# line FAULT MODE STATUS BYTES MESSAGE LEFT PROBLEM
line() {
  printf '%-46s | %-22s | %6s | %18s | %s | %s%s\n' "${@:1:6}" "${7:+  <-- WRONG:$7}"
  lines=$((lines + 1))
  [[ -z $7 ]] || problems=$((problems + 1))
}

line fault mode status "bytes" message "left behind" ''

# not_tested FAULT WHY
not_tested() { printf '%-46s | not tested: %s\n' "$@"; }

end_of_table() {
  [[ $problems == 0 ]] || fail "$problems of $lines lines are wrong"
}

# --- Faults --------------------------------------------------------------------------------------

# with_fault FAULTS: the words that make it happen (tests/tools/fault_shim.cc).
with_fault() { faulty=(env "LD_PRELOAD=$dir/shim.so" "FAULTS=$*"); }

# shim FAULTS SOURCE OUTPUT STATUS PATTERN [WORDS]: io_uring does not go through the C library.
shim() {
  with_fault "$1"
  run "$2" "$3" ./deny-syscalls EPERM io_uring_setup "${faulty[@]}"
  judge "${6:-$1}" "$2" "$3" "$4" "$5"
}

# survives FAULTS SOURCE OUTPUT [WORDS]
survives() { shim "$1" "$2" "$3" 0 '' "${4:-}"; }

# --- From too little to enough -------------------------------------------------------------------

# denied WHAT PREFIX...: one run for each of $modes, a source and what with() takes. A line that says what
# the one before it said is not printed.
modes=()
declare -A said
denied() {
  local what=$1 before mode source
  shift
  for mode in "${modes[@]}"; do
    read -r source options <<<"$mode"
    # shellcheck disable=SC2086  # words
    if declare -F with >/dev/null; then with $options; fi
    run "$source" pipe "$@"
    # Before our first line: what the loader says.
    if ((status == 127)) && grep -q 'qcow2-to-stdout.*while loading shared libraries' stderr; then continue; fi
    if declare -F only_our_messages >/dev/null; then only_our_messages; fi
    before=${said[$mode]-}
    said[$mode]="$status $(sed 's/[0-9][0-9]*/N/g' stderr)"
    judge "$what${options:+, $options}" "$source" pipe "${any_status:-[01]}" '' >line
    if [[ ${said[$mode]} != "$before" ]] || grep -q WRONG line; then cat line; fi
  done
}

# succeeded WHAT: every mode in the end.
succeeded() {
  local mode
  for mode in "${modes[@]}"; do
    [[ ${said[$mode]} == "0 "* ]] || fail "$mode has failed with every $1: ${said[$mode]}"
  done
  said=()
}

# least_memory: how many MiB of address space --version needs.
least_memory() {
  local mebibytes=16
  until prlimit --as=$((mebibytes * M)) ./program --version >version 2>&1; do
    mebibytes=$((mebibytes + 1))
  done
  echo $mebibytes
}

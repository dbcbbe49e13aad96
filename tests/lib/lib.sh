# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the shell tests share. A test sources this file and is then in a private empty directory
# that is removed when it ends, however it ends. Any command that fails ends the test.
#
# Exit status of a test: 0 passed, 77 skipped (with a line that says why), anything else failed.

set -Eeuo pipefail
shopt -s inherit_errexit
export LC_ALL=C
unset POSIXLY_CORRECT

# For readers of this file: used by the tests, `data DISK 3*M 5*K`.
# shellcheck disable=SC2034
readonly K=$((1 << 10)) M=$((1 << 20)) G=$((1 << 30)) T=$((1 << 40))

: "${QCOW2_TO_STDOUT:?must name the program under test}"
tool=$(realpath -- "$QCOW2_TO_STDOUT")
[[ -x $tool ]]
# The other program, and the name with which the messages begin of the one that a test is about.
from_stdin=$(realpath -- "${QCOW2_FROM_STDIN:-${tool%/*}/qcow2-from-stdin}")
speaker=qcow2-to-stdout
source_root=$(realpath -- "${BASH_SOURCE[0]%/*}/../..")
# shellcheck disable=SC2034
readonly tool from_stdin source_root helpers=$source_root/tests/helpers
dir=$(mktemp -d "${TMPDIR:-/tmp}/qcow2-to-stdout.XXXXXX")
cd "$dir"
exec </dev/null
# The loader takes spaces and colons for the ends of names.
if [[ ${FAULT_SHIM:-} == *[\ :]* ]]; then
  cp -- "$FAULT_SHIM" "$dir/.shim.so"
  FAULT_SHIM=$dir/.shim.so
fi

# --- The end of a test ---------------------------------------------------------------------------

cleanups=()

# at_exit COMMAND ARGUMENT...: to be run when the test ends, the newest first.
at_exit() { cleanups=("${*@Q}" "${cleanups[@]}"); }

finish() {
  local status=$? command
  trap - EXIT ERR
  set +e
  for command in "${cleanups[@]}"; do eval "$command"; done
  cd / && rm -rf --one-file-system -- "$dir"
  exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'echo "FAIL: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR

skip() { echo "SKIP: $*"; exit 77; }

# fail MESSAGE: also shows what the last expect_status saw.
fail() {
  echo "FAIL: ${BASH_SOURCE[-1]##*/}:${BASH_LINENO[-2]}: $*" >&2
  [[ ! -s $dir/stderr ]] || { echo "its standard error:" && head -n 20 -- "$dir/stderr"; } >&2
  exit 1
}

# finds GREP-ARGUMENT...: `grep -q` for what is piped to it. It reads to the end: grep would leave at the first match, and
# whoever still writes to it then be killed by SIGPIPE, now and then, which pipefail calls a failure.
finds() {
  local all
  all=$(tr -d '\0') && grep -q "$@" <<<"$all"
}

# need COMMAND...: skips the test where a command is missing.
need() {
  local command
  for command; do type -P "$command" >/dev/null || skip "$command is not installed"; done
}

need_root() { [[ $EUID == 0 ]] || skip "needs root: $1"; }

# need_isolation: skips the test where the kernel has not what --isolate needs.
need_isolation() {
  truncate -s 64K isolation.raw
  "$tool" isolation.raw >isolation.qcow2
  "$tool" --isolate -f qcow2 isolation.qcow2 >/dev/null 2>isolation.log ||
    ! grep -q 'cannot be isolated' isolation.log || skip "$(<isolation.log)"
}

# --- Running the program -------------------------------------------------------------------------

# expect_status PATTERN COMMAND...: leaves the output in the files `stdout` and `stderr`.
expect_status() {
  local wanted=$1 status=0
  shift
  "$@" >stdout 2>stderr || status=$?
  # shellcheck disable=SC2053  # a pattern, such as [12]
  [[ $status == $wanted ]] || fail "status $status instead of $wanted: $*"
}

# expect_stderr PATTERN (extended regular expression, upper or lower case)
expect_stderr() { grep -Eiq -e "$1" stderr || fail "no '$1' in the message"; }

expect_silence() { [[ ! -s stderr ]] || fail "unexpected message"; }

# Every line of `stderr` is a message in the program's form, and there are as many as COUNT.
expect_messages() {
  [[ $(wc -l <stderr) == "$1" ]] || fail "$(wc -l <stderr) lines of messages instead of $1"
  ! grep -Ev -e "^$speaker: ." stderr || fail "a message in another form"
}

# expect_refusal STATUS PATTERN COMMAND...: this status, one message with PATTERN, nothing on stdout.
expect_refusal() {
  local wanted=$1 pattern=$2
  shift 2
  expect_status "$wanted" "$@"
  [[ ! -s stdout ]] || fail "$(stat -c %s stdout) bytes on standard output: $*"
  expect_messages 1
  expect_stderr "$pattern"
}

# convert DISK IMAGE OPTION...: must succeed without a word.
convert() {
  local disk=$1 image=$2
  shift 2
  "$tool" "$@" "$disk" >"$image" 2>stderr || fail "status $? from: $* $disk"
  expect_silence
}

# stall N ARGUMENT...: starts the program on a pipe and reads N bytes (an expression) of it. drain reads
# the rest and waits for the end: the bytes are in `received`, the status in $status. The program has
# our standard input (by itself the shell gives it none).
stalled=
stop_stalled() { [[ -z $stalled ]] || kill "$stalled"; }
at_exit stop_stalled
stall() {
  local bytes=$1
  shift
  rm -f pipe
  mkfifo pipe
  "$tool" "$@" <&0 >pipe 2>stderr &
  stalled=$!
  exec {from_pipe}<pipe
  head -c "$((bytes))" <&"$from_pipe" >received
}

drain() {
  take_rest "$stalled"
  stalled=
}

# take_rest JOB: all that it still writes to $from_pipe is in `received`, its status in $status.
take_rest() {
  cat <&"$from_pipe" >>received
  exec {from_pipe}<&-
  status=0
  wait "$1" 2>/dev/null || status=$?
}

# Sanitizers take memory, and do not get on with strace.
sanitized() { [[ -n ${QCOW2STREAM_SANITIZE:-} ]]; }

# --- Disks and images ----------------------------------------------------------------------------

# data FILE OFFSET LENGTH [SEED]: writes bytes that are never zero and differ from place to place.
# OFFSET and LENGTH may be expressions such as 3*M+1.
data() {
  { seq "${4:-$(($2 + 1))}" inf 2>/dev/null || true; } | head -c "$(($3))" |
    dd of="$1" bs=1M iflag=fullblock oflag=seek_bytes seek="$(($2))" conv=notrunc status=none
}

# flip FILE OFFSET: every bit of this byte of it; so it is another one, whatever it was.
flip() {
  local byte
  byte=$(od -An -v -tu1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059 # the format is the byte
  printf "\\x$(printf %02x $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# part FILE OFFSET LENGTH: these bytes of it.
part() { dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$(($2))" count="$(($3))" status=none; }

# ext4_disk FILE SIZE: a file system with the files of the directory `tree`, which it makes.
ext4_disk() {
  local n
  need mke2fs
  mkdir -p tree/sub/deeper
  for n in {1..60}; do seq "$n" $((n * 97)) >"tree/sub/file $n"; done
  seq 1 300000 >tree/large
  data tree/holes 1*M+5 3000
  truncate -s 3M tree/holes tree/sub/only-a-hole
  : >tree/sub/deeper/empty
  ln -s ../large tree/sub/link
  ln tree/large "tree/sub/hard link"
  mke2fs -q -t ext4 -d tree "$1" "$2" >mke2fs.log 2>&1 || fail "mke2fs: $(<mke2fs.log)"
}

# check_image IMAGE DISK: QEMU finds no error and no leak, and reads the bytes of DISK.
check_image() {
  qemu-img check -q -f qcow2 "$1" >check.log 2>&1 || fail "qemu-img check: $(<check.log)"
  qemu-img compare -q -f raw -F qcow2 "$2" "$1" >compare.log 2>&1 ||
    fail "qemu-img compare: $1 is not $2: $(<compare.log)"
}

# mentions PLACE GREP-ARGUMENT...: whether the files name this directory or what is in it; one whose name merely
# begins or ends so is another, and a short name such as /p is a piece of many.
mentions() {
  local place
  # shellcheck disable=SC2001  # bash has no & before 5.2
  place=$(sed 's/[][\.*^$+?(){}|]/\\&/g' <<<"$1")
  grep -E -e "(^|[^[:alnum:]_./-]|-[IL])$place(/|[^[:alnum:]_.-]|\$)" "${@:2}"
}

same() { cmp -- "$1" "$2" || fail "$1 and $2 differ"; }

size_of() { stat -L -c %s -- "$1"; }

# json FILE KEY...: the value at this path.
json() {
  python3 -c 'import functools, json, sys
print(functools.reduce(lambda value, key: value[key], sys.argv[2:], json.load(open(sys.argv[1]))))' "$@"
}

# loop_device FILE OPTION...: the name of a new loop device is in $loop; it goes away with the test.
loop_device() {
  need losetup
  need_root "loop devices"
  loop=$(losetup -f --show "${@:2}" -- "$1" 2>losetup.log) ||
    skip "no loop device: $(<losetup.log)"
  at_exit losetup -d "$loop"
}

# --- Servers and other formats -------------------------------------------------------------------

# end_process JOB: kills a process that was started in the background, if it has not ended before.
end_process() {
  jobs -p | finds -x "$1" || return 0
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# wait_for COMMAND...: until it succeeds, ten seconds at most.
wait_for() {
  local n
  for n in {1..500}; do
    if "$@"; then return; fi
    sleep 0.02
  done
  fail "waited in vain for: $*"
}

# serve SOCKET ARGUMENT...: nbdkit with these arguments, read-only, on a Unix socket. Its process is
# $server; it ends with the test.
serve() {
  local socket=$1
  shift
  need nbdkit
  rm -f "$socket" "$socket.pid"
  nbdkit --exit-with-parent --foreground --readonly --unix "$socket" --pidfile "$socket.pid" "$@" \
    2>>nbdkit.log &
  server=$!
  at_exit end_process "$server"
  wait_for test -s "$socket.pid"
}

# same_as_flat FILE FORMAT OPTION...: the image of FILE is that of the raw disk that QEMU makes of it.
same_as_flat() {
  local file=$1 format=$2
  shift 2
  qemu-img convert -f "$format" -O raw "$file" flat.raw
  convert flat.raw flat.qcow2 -f raw "$@"
  check_image flat.qcow2 flat.raw
  convert "$file" image -f "$format" "$@"
  same image flat.qcow2
}

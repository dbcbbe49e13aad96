# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests sources-that-fail.sh, servers-that-fail.sh and servers-end-with-us.sh share. Whatever goes
# wrong with QEMU or an NBD server, at whatever moment: the status says so, one message says why, the
# output is shorter than announced, and no process and no file stays behind. They print a table of what was
# done and what came of it.
#
# The program gets a /tmp of its own, so the files of the test are elsewhere.
export TMPDIR=/var/tmp
# shellcheck source=tests/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" || exit 1

need nbdkit qemu-img qemu-storage-daemon qemu-nbd python3 pgrep

# What the program starts has this word in its command line: our own servers have not.
readonly mark=mark-$$-$RANDOM
mkdir $mark tmp nothing
truncate -s 24M disk.raw
data disk.raw 0 24*M
head -c 2M disk.raw >small.raw
ln disk.raw $mark/disk.raw
for format in qcow2 vmdk; do qemu-img convert -f raw -O $format disk.raw "$mark/disk.$format"; done
# Every byte is data, so all ways to scan announce the same.
# shellcheck disable=SC2034  # for those who source this
{
  announced=$("$tool" --measure=size disk.raw)
  announced_small=$("$tool" --measure=size small.raw)
}

# The program with a /tmp of its own, so that what other tests do there is not seen.
cp "$tool" program
# shellcheck disable=SC2016  # the inner shell expands it
command='unset TMPDIR XDG_RUNTIME_DIR; PATH=$program_path && exec ./program "$@"'
run=(unshare --mount sh -c "mount --bind tmp /tmp && $command" sh)
export program_path=$PATH
if ! "${run[@]}" --version >version 2>&1; then
  run=(sh -c "$command" sh)
  echo "not tested, since only root can: files that stay in /tmp, no permission"
fi

# --- Judging -------------------------------------------------------------------------------------

wrong=()  # lines of the table

left_behind() {
  local n
  for n in {1..1000}; do
    pgrep -f -- "$mark" >processes || break  # the kernel kills the child after us
    sleep 0.02
  done
  xargs -r ps -o args= <processes | cut -c 1-50
  find tmp -mindepth 1
}

# judge INJECTED STATUS PATTERN SIZE: STATUS is a pattern, an empty PATTERN means no message, and SIZE
# was announced.
judge() {
  local injected=$1 wanted=$2 pattern=$3 size=$4 problem='' left line
  left=$(left_behind)
  # shellcheck disable=SC2053
  [[ $status == $wanted ]] || problem+=" status"
  if [[ -z $pattern ]]; then
    [[ ! -s stderr ]] || problem+=" message"
  elif [[ $(wc -l <stderr) != 1 ]] ||
    ! grep -Eiq "^qcow2-to-stdout: .*($pattern)" stderr || grep -q 'invalid state' stderr; then
    problem+=" message"
  fi
  [[ -z $left ]] || problem+=" left-behind"
  (($(size_of received) < size)) || problem+=" output"
  printf -v line '%-52s | %3s | %-5s | %s%s' "$injected" "$status" "${left:-none}" \
    "$(cut -c 18-240 stderr | tr '\n' '~')" "${problem:+  <-- WRONG:$problem}"
  printf '%s\n' "$line"
  [[ -z $problem ]] || wrong+=("$line")
}

# fault INJECTED PATTERN SIZE ARGUMENT...: runs to the end by itself.
fault() {
  local injected=$1 pattern=$2 size=$3
  shift 3
  status=0
  timeout 120 "${run[@]}" "$@" >received 2>stderr || status=$?
  judge "$injected" 1 "$pattern" "$size"
}

# begin N ARGUMENT...: starts the program and reads the first N bytes of its output; finish_run takes the
# rest.
begin() {
  local bytes=$1
  shift
  rm -f pipe
  mkfifo pipe
  "${run[@]}" "$@" >pipe 2>stderr &
  job=$!
  exec {from_pipe}<pipe
  head -c "$bytes" <&"$from_pipe" >received
}

finish_run() { take_rest "$job"; }

child_of() { pgrep -P "$1" >child; }

# bad_sector N: a block node that cannot read it.
bad_sector() {
  printf '{"driver":"raw","file":{"driver":"blkdebug",
    "inject-error":[{"event":"none","iotype":"read","sector":%s}],
    "image":{"driver":"file","filename":"%s"}}}' "$1" "$mark/disk.raw"
}

printf '%-52s | %3s | %-5s | %s\n' "what was done" "rc" "left" "message"

# A report may show no more than the end of what a test has written: what is wrong is said once more there.
end_of_table() {
  [[ ${#wrong[@]} == 0 ]] && return
  printf '%s\n' "${wrong[@]}"
  fail "${#wrong[@]} lines are wrong"
}

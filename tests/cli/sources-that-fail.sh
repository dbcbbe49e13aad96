#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever goes wrong with QEMU or an NBD server, at whatever moment: the status says so, one
# message says why, the output is shorter than announced, and no process and no file stays behind.
# Prints a table of what was done and what came of it.
# The program gets a /tmp of its own, so the files of the test are elsewhere.
export TMPDIR=/var/tmp
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

need nbdkit qemu-img qemu-storage-daemon qemu-nbd python3 pgrep

# What the program starts has this word in its command line: our own servers have not.
readonly mark=mark-$$-$RANDOM
mkdir $mark tmp nothing
truncate -s 24M disk.raw
data disk.raw 0 24*M
head -c 2M disk.raw >small.raw
qemu-img convert -f raw -O qcow2 disk.raw $mark/disk.qcow2
# Every byte is data, so all ways to scan announce the same.
announced=$("$tool" --measure=size disk.raw)
announced_small=$("$tool" --measure=size small.raw)

# The program with a /tmp of its own, so that what other tests do there is not seen.
cp "$tool" program
# shellcheck disable=SC2016  # the inner shell expands it
command='PATH=$program_path && exec ./program "$@"'
run=(unshare --mount sh -c "mount --bind tmp /tmp && $command" sh)
export program_path=$PATH
if ! "${run[@]}" --version >version 2>&1; then
  run=(sh -c "$command" sh)
  echo "not tested, since only root can: files that stay in /tmp, no permission"
fi

# --- Judging -------------------------------------------------------------------------------------

problems=0

left_behind() {
  local n
  for n in {1..100}; do
    pgrep -f -- "$mark" >processes || break  # the kernel kills the child after us
    sleep 0.02
  done
  xargs -r ps -o args= <processes | cut -c 1-50
  find tmp -mindepth 1
}

# judge INJECTED STATUS PATTERN SIZE: STATUS is a pattern, an empty PATTERN means no message, and SIZE
# was announced.
judge() {
  local injected=$1 wanted=$2 pattern=$3 size=$4 problem='' left
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
  printf '%-52s | %3s | %-5s | %s%s\n' "$injected" "$status" "${left:-none}" \
    "$(cut -c 18-240 stderr | tr '\n' '~')" "${problem:+  <-- WRONG:$problem}"
  [[ -z $problem ]] || problems=$((problems + 1))
}

# fault INJECTED PATTERN SIZE ARGUMENT...: runs to the end by itself.
fault() {
  local injected=$1 pattern=$2 size=$3
  shift 3
  status=0
  timeout 20 "${run[@]}" "$@" >received 2>stderr || status=$?
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

finish_run() {
  cat <&"$from_pipe" >>received
  exec {from_pipe}<&-
  status=0
  wait "$job" 2>/dev/null || status=$?
}

child_of() { pgrep -P "$1" >child; }

# bad_sector N: a block node that cannot read it.
bad_sector() {
  printf '{"driver":"raw","file":{"driver":"blkdebug",
    "inject-error":[{"event":"none","iotype":"read","sector":%s}],
    "image":{"driver":"file","filename":"%s"}}}' "$1" "$mark/disk.raw"
}

printf '%-52s | %3s | %-5s | %s\n' "what was done" "rc" "left" "message"

# --- Reads that fail -----------------------------------------------------------------------------

ln disk.raw $mark/disk.raw
for options in '' '--scan none'; do
  phase=survey
  [[ -z $options ]] || phase=emission
  for sector in 0 24064 49024; do
    # shellcheck disable=SC2086
    fault "QEMU: sector $sector cannot be read, $phase" 'read.*offset [0-9]+ .*input/output error' \
      "$announced" $options --blockdev "$(bad_sector $sector)"
  done
  # shellcheck disable=SC2016  # nbdkit's shell expands it
  serve socket eval get_size='echo 2097152' \
    pread='if [ -e fail ] && [ "$4" -le "$(cat fail)" ] && [ "$(($4 + $3))" -gt "$(cat fail)" ]
           then echo EIO cannot >&2; exit 1; fi
           dd if=small.raw iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=64k 2>dd.log'
  for offset in 0 983040 2031616; do
    echo $offset >fail
    # shellcheck disable=SC2086
    fault "NBD: byte $offset cannot be read, $phase" 'read.*offset [0-9]+ .*input/output error' \
      "$announced_small" $options 'nbd+unix:///?socket=socket'
  done
  rm fail
  end_process "$server"
done
for error in EIO EPERM ENOMEM ESHUTDOWN; do
  serve socket --filter=error file disk.raw error=$error error-pread-rate=100% error-pread-file=fail
  touch fail
  fault "NBD: every read gives $error" 'read.*offset 0 ' "$announced" 'nbd+unix:///?socket=socket' -T 1
  rm fail
  begin 10000 'nbd+unix:///?socket=socket'
  touch fail
  finish_run
  judge "NBD: every read gives $error from the middle on" 1 'read.*offset [0-9]+ .*incomplete' "$announced"
  rm fail
  end_process "$server"
done
serve socket --filter=error file disk.raw error-extents-rate=100%
fault "NBD: asking for holes fails" 'holes.*(input/output error)' "$announced" 'nbd+unix:///?socket=socket'
end_process "$server"

# --- Servers that go away or are none ------------------------------------------------------------

gone='closed the connection|connection reset|broken pipe|not connected'
serve socket file disk.raw
begin 10000 'nbd+unix:///?socket=socket'
end_process "$server"
finish_run
judge "NBD: the server is killed in the middle" 1 "$gone" "$announced"
for source in '-f qcow2' '[ nbdkit'; do
  arguments=(-f qcow2 "$mark/disk.qcow2")
  [[ $source == -f* ]] || arguments=(-- '[' nbdkit -r file "$mark/disk.raw" ])
  begin 10000 "${arguments[@]}"
  wait_for child_of "$job"
  kill -KILL "$(<child)"
  finish_run
  judge "$source: its process is killed in the middle" 1 "$gone" "$announced"
done

# behind_proxy MODE BYTES PATTERN ARGUMENT...
behind_proxy() {
  local proxy
  serve socket file disk.raw
  "$helpers/cutting_proxy.py" proxy socket "$1" "$2" &
  proxy=$!
  at_exit end_process $proxy
  wait_for test -S proxy
  fault "NBD: $1 after $2 bytes of answers" "$3" "$announced" 'nbd+unix:///?socket=proxy' "${@:4}"
  end_process $proxy
  end_process "$server"
  rm proxy
}
for bytes in 0 17 30 200 300 1000 20000000; do
  behind_proxy close $bytes "disconnected|$gone" --connections 1
  behind_proxy garbage $bytes . --connections 1
done

rm -f socket
fault "NBD: no such socket" 'no such' "$announced" 'nbd+unix:///?socket=missing'
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("deaf")'
fault "NBD: nobody listens" 'refused' "$announced" 'nbd+unix:///?socket=deaf'
fault "NBD: no such host" 'name|resolve' "$announced" 'nbd://no-such-host.invalid/'
fault "NBD: not a URI" '.' "$announced" 'nbd://[::'
serve socket --filter=exportname file disk.raw exportname=one exportname-strict=true
fault "NBD: no such export" 'export|server replied' "$announced" 'nbd+unix:///two?socket=socket'
end_process "$server"
serve socket --filter=ip file disk.raw deny=all
for n in 1 2 3 4 5 6; do
  fault "NBD: the server hangs up at once ($n)" "disconnected|$gone" "$announced" 'nbd+unix:///?socket=socket'
done
end_process "$server"
fault "[ ]: no such program" 'no such file' "$announced" -- [ no-such-program x ]
fault "[ ]: no such plugin" 'no-such-plugin' "$announced" -- [ nbdkit no-such-plugin ]
fault "[ ]: no such disk" 'missing.raw' "$announced" -- [ nbdkit file missing.raw ]
fault "[ ]: a program that ends at once" '.' "$announced" -- [ true ]
fault "[ ]: a program that says why it ends" 'the reason' "$announced" -- [ sh -c 'echo the reason >&2; exit 3' ]

# --- Silence -------------------------------------------------------------------------------------

silence='has not answered for 1 second'
serve socket file disk.raw
kill -STOP "$server"
fault "NBD: the server says nothing at all" "$silence" "$announced" 'nbd+unix:///?socket=socket' --timeout 1
kill -CONT "$server"
begin 10000 'nbd+unix:///?socket=socket' --timeout 1
kill -STOP "$server"
finish_run
judge "NBD: the server falls silent in the middle" 1 "given up: .*$silence" "$announced"
kill -CONT "$server"
end_process "$server"
for bytes in 18 1000000; do
  behind_proxy silence $bytes "$silence" --timeout 1
done
for source in '-f qcow2' '[ nbdkit'; do
  arguments=(-f qcow2 "$mark/disk.qcow2")
  [[ $source == -f* ]] || arguments=(-- '[' nbdkit -r file "$mark/disk.raw" ])
  begin 10000 --timeout=1 "${arguments[@]}"
  wait_for child_of "$job"
  kill -STOP "$(<child)"
  finish_run
  judge "$source: its process is stopped in the middle" 1 "given up: .*$silence" "$announced"
done
fault "[ ]: a program that is no server" "$silence" "$announced" --timeout 1 -- [ sleep 1000 ]

# --- Disks that are not what they were or should be ----------------------------------------------

cp disk.raw shrinking.raw
serve socket file shrinking.raw
begin 10000 'nbd+unix:///?socket=socket'
truncate -s 1M shrinking.raw
finish_run
judge "NBD: the disk is cut short in the middle" 1 'read.*offset [0-9]+ ' "$announced"
end_process "$server"

for format in qcow2 vmdk; do
  qemu-img convert -f raw -O $format disk.raw $mark/shrinking.$format
  begin 10000 -f $format $mark/shrinking.$format
  truncate -s 1M $mark/shrinking.$format
  finish_run
  judge "-f $format: the file is cut short in the middle" '[13]' 'changed|read' "$announced"
done

head -c 100000 /dev/urandom >$mark/noise
cp $mark/disk.qcow2 $mark/no-table.qcow2
printf '\xff\xff\xff\xff' | dd of=$mark/no-table.qcow2 bs=1 seek=44 conv=notrunc status=none
cp $mark/disk.qcow2 $mark/bad-entry.qcow2
l1=$(od -An -tu8 --endian=big -j40 -N8 $mark/bad-entry.qcow2)
l2=$(od -An -tx8 --endian=big -j"$((l1))" -N8 $mark/bad-entry.qcow2)
printf '\x80\xff\xff\xff\xff\xff\x02\x00' |
  dd of=$mark/bad-entry.qcow2 bs=1 seek=$(((0x${l2// /} & 0xfffffffffff) + 100 * 8)) conv=notrunc status=none
qemu-img create -q -u -f qcow2 -b missing-base.raw -F raw $mark/orphan.qcow2 24M
fault "-f qcow2: noise" 'not in qcow2 format' "$announced" -f qcow2 $mark/noise
fault "-f vmdk: noise" '.' "$announced" -f vmdk $mark/noise
fault "-f qcow2: a table that is too large" 'L1|large' "$announced" -f qcow2 $mark/no-table.qcow2
fault "-f qcow2: an entry that points nowhere, survey" '(read|holes) at offset.*input/output error' "$announced" -f qcow2 $mark/bad-entry.qcow2
fault "-f qcow2: an entry that points nowhere, emission" 'read.*input/output error' \
  "$announced" --scan none -f qcow2 $mark/bad-entry.qcow2
fault "-f qcow2: no backing file" 'missing-base.raw' "$announced" -f qcow2 $mark/orphan.qcow2
fault "-f qcow2: no file" 'No such file' "$announced" -f qcow2 $mark/missing.qcow2
fault "-f qcow2: a directory" 'director|regular file' "$announced" -f qcow2 $mark
fault "-f no-such-format" 'no-such-format' "$announced" -f no-such-format $mark/disk.qcow2
fault "-f auto: no file" 'No such file' "$announced" -f auto $mark/missing.qcow2
fault "--blockdev: no such driver" 'no-such-driver' "$announced" --blockdev '{"driver":"no-such-driver"}'
fault "--blockdev: no driver" 'driver' "$announced" --blockdev '{}'
exec {lock}<>$mark/disk.qcow2
python3 -c 'import fcntl, struct, sys, time
# The byte that QEMU locks where it has an image open for writing (F_OFD_SETLK, 100 + 1).
fcntl.fcntl(0, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 101, 1, 0))' <&$lock
fault "-f qcow2: another QEMU writes to it" 'is in use' "$announced" -f qcow2 $mark/disk.qcow2
exec {lock}<&-
if [[ $EUID == 0 && ${run[0]} == unshare ]] && type -P setpriv >/dev/null; then
  chmod 711 "$dir"
  chmod 000 $mark/disk.qcow2
  as_root=("${run[@]}")
  run=(setpriv --reuid=65534 --regid=65534 --clear-groups ./program)
  fault "-f qcow2: no permission" 'Permission denied' "$announced" -f qcow2 $mark/disk.qcow2
  fault "-f auto: no permission" 'Permission denied' "$announced" -f auto $mark/disk.qcow2
  run=("${as_root[@]}")
  chmod 644 $mark/disk.qcow2
fi

# --- Without QEMU --------------------------------------------------------------------------------

program_path=$dir/nothing
fault "no QEMU: -f qcow2" 'qemu-nbd.*install|install.*qemu-nbd' "$announced" -f qcow2 $mark/disk.qcow2
fault "no QEMU: -f auto" 'install' "$announced" -f auto $mark/disk.qcow2
fault "no QEMU: --blockdev" 'install' "$announced" --blockdev '{"driver":"null-co"}'
fault "no nbdkit: [ ]" 'nbdkit.*No such file' "$announced" -- [ nbdkit null ]

# --- Signals to us -------------------------------------------------------------------------------

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
  for source in '-f qcow2' '[ nbdkit'; do
    arguments=(-f qcow2 "$mark/disk.qcow2")
    [[ $source == -f* ]] || arguments=(-- '[' nbdkit -r file "$mark/disk.raw" ])
    for moment in 0 15 30 60; do
      begin 0 "${arguments[@]}"
      wait_for is_program "$job"
      # A moment before, a directory in /tmp holds the socket's name; only SIGKILL can leave it there.
      [[ $signal != KILL ]] || wait_for child_of "$job"
      sleep 0.0$moment
      kill -$signal "$job"
      finish_run
      early=$([[ $moment != 0 ]] || echo yes)
      judge_end "$source: SIG$signal to us after $moment ms" $signal "$early"
    done
    begin 10000 "${arguments[@]}"
    kill -$signal "$job"
    finish_run
    judge_end "$source: SIG$signal to us in the middle" $signal
  done
done

[[ $problems == 0 ]] || fail "$problems lines are wrong"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --run CMD: whatever ends us, CMD is ended before its input is, and so never stores a broken image.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 pgrep
size=$((8 * M))
data disk.raw 0 "$size"
streamed=(--scan none --size "$size" -f raw)

# A program that reads its input to the end, like one that uploads it, and tells when it has seen that.
cat >store <<'END'
import os, signal, sys
name, on_term = sys.argv[1:]
if on_term == "ignore":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif on_term == "clean":
    def clean(*_):
        open(name + ".cleaned", "w").close()
        sys.exit(3)
    signal.signal(signal.SIGTERM, clean)
with open(name + ".tmp", "wb") as out:
    while piece := os.read(0, 1 << 16):
        out.write(piece)
os.rename(name + ".tmp", name)
END

# CMDs that would store whatever comes: the shell moves it, a child of the shell does, it comes out of
# a pipe that the shell knows nothing of, or from a process that has left.
commands=(
  'cat >stored.tmp && mv stored.tmp stored'
  'true; python3 store stored default; true'
  'exec python3 store stored clean'
  'gzip -1 | python3 store stored default'
  '(python3 store stored default <&3 &) 3<&0; exec sleep 1000'
  'trap "echo trapped" TERM; (setsid cat; true) | (python3 store stored default)'
)

# none_left: nothing was stored, and nobody is there any more to do it.
none_left() {
  wait_for all_gone
  [[ ! -e stored ]] || fail "a broken image was stored by: $1"
}
# Processes of this test work in its directory.
still_there() {
  local pid
  for pid in $(pgrep -f 'stored' || true); do
    [[ $(readlink "/proc/$pid/cwd") != "$dir" ]] || return 0
  done
  return 1
}
all_gone() { ! still_there; }

mkfifo feed
# feed_and OPTION...: starts the program on a stream of which only a part comes; $program is its process,
# ${feed} keeps the stream open.
feed_and() {
  rm -f stored stored.*
  exec {feed}<>feed
  "$tool" "${streamed[@]}" "$@" - <feed >stdout 2>stderr {feed}>&- &
  program=$!
  part disk.raw 0 3*M >&"$feed"
  wait_for test -s stored.tmp
}

for command in "${commands[@]}"; do
  # A failure of ours: the input breaks off.
  feed_and --run "$command"
  exec {feed}>&-
  status=0
  wait "$program" || status=$?
  [[ $status == 1 ]] || fail "status $status"
  expect_stderr 'standard input: is shorter than announced'
  none_left "$command"
  [[ $command != *clean ]] || [[ -e stored.cleaned ]] || fail "no time to clean up"

  # Signals, to us alone; nobody could do anything about the last one.
  for signal in TERM HUP KILL; do
    feed_and --run "$command"
    kill -"$signal" "$program"
    wait "$program" 2>/dev/null && fail "it was not killed"
    none_left "$command"
    exec {feed}>&-
  done
done

# One that does not want to end is ended all the same.
feed_and --run 'exec python3 store stored ignore'
exec {feed}>&-
status=0
wait "$program" || status=$?
[[ $status == 1 ]]
none_left 'one that ignores SIGTERM'

# A disk whose reads fail in the middle.
rm -f stored*
loop_device disk.raw -r
truncate -s 4M disk.raw  # the device keeps its size
expect_status 1 "$tool" --scan none --run "${commands[0]}" "$loop"
expect_stderr 'input/output error; output is incomplete'
[[ -s stored.tmp ]]
none_left 'a disk that fails'

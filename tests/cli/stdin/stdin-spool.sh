#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stream is kept in a file without a name: in the directory that was asked for, as large as its data,
# and gone with the program however it ends.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# input: the disk, for who may not want all of it.
input() { cat disk.raw 2>cat.log || true; }

truncate -s 300M disk.raw
data disk.raw 10*M 3*M
data disk.raw 200*M 2*M
convert disk.raw wanted
mkdir spool other

# spool_file: what the stalled program keeps its input in.
spool_file() {
  local link
  for link in /proc/"$stalled"/fd/*; do
    [[ $(readlink "$link") != *'(deleted)' ]] || { echo "$link" && return; }
  done
  fail "no spool file"
}
nothing_left() { [[ -z $(find spool other -mindepth 1) ]] || fail "left behind: $(find spool other -mindepth 1)"; }

# It is where it should be, and has holes where the zeros were.
for options in '--spool-dir spool' ''; do
  # shellcheck disable=SC2086
  TMPDIR=$dir/spool stall 100 -q $options - < <(input)
  file=$(spool_file)
  [[ $(readlink "$file") == "$dir"/spool/* ]] || fail "it is $(readlink "$file")"
  [[ $(size_of "$file") == $((300 * M)) ]]
  sync -f "$file"
  blocks=$(stat -L -c %b "$file")
  ((blocks * 512 < 6 * M)) || fail "$blocks blocks for 5 MiB"
  nothing_left
  drain
  [[ $status == 0 ]] || fail "status $status"
  same received wanted
  nothing_left
done
TMPDIR=$dir/other stall 100 -q --spool-dir spool - < <(input)
[[ $(readlink "$(spool_file)") == "$dir"/spool/* ]]
drain
same received wanted
TMPDIR='' stall 100 -q - < <(input)
[[ $(readlink "$(spool_file)") == /var/tmp/* ]]
drain
same received wanted

# Killed while it writes, and while it reads.
for signal in KILL TERM; do
  stall 100 -q --spool-dir spool - < <(input)
  kill -s $signal "$stalled"
  drain 2>/dev/null
  ((status > 128)) || fail "status $status"
  nothing_left
  mkfifo input
  "$tool" -q --spool-dir spool - <input >image &
  reading=$!
  exec {feed}>input
  part disk.raw 0 20*M >&"$feed"
  nothing_left
  kill -s $signal $reading
  wait $reading 2>/dev/null && fail "it lives"
  exec {feed}>&-
  rm input
  nothing_left
done

# Where no file can be made.
for directory in nowhere disk.raw /proc /dev/null; do
  expect_refusal 1 "^qcow2-to-stdout: $directory: cannot hold a spool file: .*--spool-dir" \
    "$tool" --spool-dir $directory - < <(input)
  expect_refusal 1 "^qcow2-to-stdout: $directory: .*--spool-dir" \
    env TMPDIR=$directory "$tool" - < <(input)
done

if ! sanitized; then  # a preloaded library and a sanitizer do not go together
  # with FAULTS OPTION...
  with() { env LD_PRELOAD="$FAULT_SHIM" FAULTS="$1" "$tool" -q --spool-dir spool "${@:2}" - < <(input); }
  for faults in pwrite:1+:short pwrite:1+:storm pwrite:3:EINTR read:1+:short read:1+:storm read:2:EAGAIN \
    ftruncate:1:EINTR tmpfile:1:EOPNOTSUPP; do
    expect_status 0 with "$faults"
    expect_silence
    same stdout wanted
    nothing_left
  done
  expect_refusal 1 'spool: write failed: no space left on device; --spool-dir' with pwrite:2:ENOSPC
  expect_refusal 1 'spool: write failed: input/output error; --spool-dir' with pwrite:1:EIO
  expect_refusal 1 'spool: write failed: file too large; --spool-dir' with ftruncate:1:EFBIG --size 300M
  expect_refusal 1 'standard input: read at offset [1-9][0-9]* failed: input/output error' with read:3:EIO
  nothing_left
fi

# A limit on the size of files.
status=0
(ulimit -f 1000 && exec "$tool" -q --spool-dir spool - 2>stderr >image) < <(input) || status=$?
[[ $status == 1 && ! -s image ]] || fail "status $status, $(size_of image) bytes"
expect_messages 1
expect_stderr '^qcow2-to-stdout: spool: write failed: file too large'

need_root "a small file system (all before it passed)"
mount -t tmpfs -o size=3m tmpfs other 2>mount.log ||
  skip "a small file system: $(<mount.log) (all before it passed)"
at_exit umount "$dir/other"
expect_refusal 1 '^qcow2-to-stdout: other: write failed: no space left on device; --spool-dir' \
  "$tool" --spool-dir other - < <(input)
nothing_left
# Zeros take no room there.
truncate -s 1G zeros.raw
data zeros.raw 500*M 1*M
expect_status 0 "$tool" -q --spool-dir other - < <(cat zeros.raw)
same stdout <("$tool" zeros.raw)

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard input that is a file or a block device is used as one: nothing is kept elsewhere. From
# another position than its start it is a stream.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

chmod 711 .
truncate -s 20M disk.raw
data disk.raw 1*M+100 5*M
data disk.raw 15*M 3*M
convert disk.raw wanted

# in_place OPTION...: a run with a spool would fail.
in_place() { "$tool" --spool-dir /nonexistent "$@" - 2>stderr; }

for options in '' '--scan holes' '--scan none' '--size 20M' '--size 20M --scan none'; do
  # shellcheck disable=SC2086
  in_place $options <disk.raw >image || fail "status $? with $options"
  expect_silence
  # shellcheck disable=SC2086
  same image <("$tool" ${options/--size 20M/} disk.raw)
done
in_place --measure=json <disk.raw >measured
"$tool" --measure=json disk.raw >measured-by-name
same measured measured-by-name

# Several can read it, and each finds it as it was.
{ in_place >image && in_place >again && in_place --offset 1M >end; } <disk.raw
same image wanted
same again wanted
same end <(part wanted 1*M 40*M)

# An empty file is an empty disk, as it is by its name.
: >empty.raw
in_place <empty.raw >image
same image <("$tool" empty.raw)

# A file without a name, a file of the name "-".
# shellcheck disable=SC2094
{ rm disk.raw; in_place >image; } <disk.raw
same image wanted
data ./- 0 100
convert ./- image
same image <(in_place <./-)

# A size that is not the file's.
for size in 0 99 101 1M; do
  expect_refusal 1 "^qcow2-to-stdout: standard input: has another size.*100 bytes, not" \
    "$tool" --size "$size" - <./-
  expect_refusal 1 "standard input: has another size" "$tool" --scan none --size "$size" - <./-
done

# From the middle: what comes from there on.
data disk.raw 0 5*M
part disk.raw 1*M+77 4*M >rest.raw
convert rest.raw wanted
exec {input}<disk.raw
dd bs=$((M + 77)) count=1 iflag=fullblock status=none <&"$input" >start
expect_status 0 "$tool" - <&"$input"
expect_messages 1
expect_stderr 'standard input: ended after 4194227 bytes'
same stdout wanted
expect_refusal 1 'standard input: is empty' "$tool" - <&"$input"

# The file that is written is not read.
cp disk.raw before
status=0
# shellcheck disable=SC2094
"$tool" - <disk.raw 1<>disk.raw 2>stderr || status=$?
[[ $status == 1 ]] || fail "status $status"
expect_messages 1
expect_stderr 'standard input: .*standard output writes to it'
same disk.raw before

# A change is seen.
[[ $(json measured change-detection) == stat ]]
truncate -s 20M disk.raw
data disk.raw 0 20*M
stall 100 - <disk.raw
truncate -s 19M disk.raw
drain
[[ $status == 3 ]] || fail "status $status for a file that shrank"
expect_stderr 'standard input: changed while it was read'

# Who was given a descriptor may use it, even if the file cannot be opened by name.
need_root "another user, a block device (all before it passed)"
need setpriv
cp "$tool" program
chmod 600 disk.raw
convert disk.raw wanted
as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/program")
if "${as_user[@]}" --version >version 2>&1; then
  {
    "${as_user[@]}" --spool-dir /nonexistent - >image
    "${as_user[@]}" --spool-dir /nonexistent - >again
  } <disk.raw
  same image wanted
  same again wanted
fi

loop_device disk.raw -r
in_place <"$loop" >image
same image <("$tool" "$loop")
expect_refusal 1 "standard input: has another size" "$tool" --size 1M - <"$loop"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -O raw: the disk itself, in whole sectors, with all that holds of an image: ranges, digests, --run, and a failure
# that shows.
# shellcheck disable=SC2016  # the command of --run has $size in its environment
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s $((20*M + 1000)) disk.raw
data disk.raw 1*M 3*M
data disk.raw 20*M-10 1010
cp --sparse=always disk.raw padded.raw
truncate -s %512 padded.raw

# From a file to a file, a pipe and a command.
convert disk.raw out -O raw
same out padded.raw
"$tool" -O raw disk.raw | cmp - padded.raw
expect_status 0 "$tool" -O raw --run '[ -z "$id" ] && echo "$size" >size && cat >received' disk.raw
same received padded.raw
[[ $(<size) == "$(size_of padded.raw)" ]] || fail "announced $(<size) bytes"
: >empty.raw
convert empty.raw out -O raw
[[ ! -s out ]]

# A chain, with compressed clusters, becomes one disk.
"$tool" --compress disk.raw >monday.qcow2
cp --sparse=always padded.raw tuesday.raw
data tuesday.raw 2*M 100*K 7
"$tool" --base disk.raw -B monday.qcow2 -F qcow2 tuesday.raw >tuesday.qcow2
convert tuesday.qcow2 out -O raw -f qcow2
same out tuesday.raw
qemu-img convert -q -f raw -O vmdk tuesday.raw disk.vmdk
convert disk.vmdk out -O raw -f vmdk
qemu-img compare -q -f raw -F raw out tuesday.raw
"$tool" -O raw -f qcow2 - <monday.qcow2 2>stderr | cmp - padded.raw

# From a server, which is not asked for what it calls zeros.
if type -P nbdkit >/dev/null; then
  expect_status 0 "$tool" -O raw [ nbdkit --filter=log file padded.raw "logfile=$dir/log" ]
  same stdout padded.raw
  read_bytes=$(sed -n 's/.* Read id=.* count=\(0x[0-9a-f]*\) .*/\1/p' log | while read -r n; do echo $((n)); done |
    awk '{ sum += $1 } END { print sum + 0 }')
  ((read_bytes > 3*M && read_bytes < 10*M)) || fail "$read_bytes bytes were read of the server"
fi

# Any range.
for range in '0 1' '1048570 300' '20971000 5000' '4000000 17000000'; do
  read -r offset length <<<"$range"
  convert disk.raw out -O raw --offset "$offset" --length "$length"
  same out <(part padded.raw "$offset" "$length")
done
convert disk.raw out -O raw --offset "$(size_of padded.raw)"
[[ ! -s out ]]
expect_refusal 2 'is past the end of the disk' "$tool" -O raw --offset "$(($(size_of padded.raw) + 1))" disk.raw

expect_status 0 "$tool" -O raw --digest sha256=sum --name padded.raw disk.raw
sha256sum -c --quiet sum

# A disk that changes.
stall 100 -O raw disk.raw
sleep 0.1
data disk.raw 2*M 10 9
drain
[[ $status == 3 ]] || fail "status $status where the disk changed"
(($(size_of received) < $(size_of padded.raw))) || fail "the output is complete"
expect_stderr 'changed while it was read.*; output is incomplete .*, discard it'

# What belongs to an image does not belong here.
for option in '-c 4k' --compress '-d' '--map map.json' '--scan none' --measure '--save-plan plan' '--if-match x' \
  '--save-manifest m' '--base disk.raw' --extended-l2; do
  # shellcheck disable=SC2086
  expect_refusal 2 'is about an image, and -O raw gives the disk itself' "$tool" -O raw $option disk.raw
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --save-plan and --plan: one survey, and the same image in parts from other processes.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io nbdkit
truncate -s 24M disk.raw
data disk.raw 100 3*M
data disk.raw 9*M+5 2*M
{ yes text || true; } 2>/dev/null | head -c 1M | dd of=disk.raw bs=1M seek=20 conv=notrunc status=none
cp --sparse=always disk.raw base.raw
data base.raw 10*M 100*K 9
dd if=/dev/zero of=base.raw bs=1M seek=2 count=1 conv=notrunc status=none
data base.raw 15*M 64*K
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
qemu-img create -q -f qcow2 -b base.raw -F raw top.qcow2 24M
qemu-io -f qcow2 -c 'write -P 5 3M 200k' -c 'write -z 9M 64k' top.qcow2 >/dev/null

# All in four parts, out of order, from the plan, and the plan made with and without the image.
check() {
  local disk=$1 size quarter
  shift
  "$tool" "$@" "$disk" >wanted
  "$tool" "$@" --save-plan plan --measure=size "$disk" >size
  cp plan measured
  "$tool" "$@" --save-plan plan "$disk" >image
  same image wanted
  same plan measured
  size=$(<size)
  [[ $size == "$(size_of wanted)" ]]
  quarter=$((size / 4))
  : >parts
  for part in 2 0 3 1; do
    "$tool" "${open[@]}" --plan plan --offset "$((quarter * part))" \
      --length "$((part == 3 ? size : quarter))" "$disk" |
      dd of=parts bs=1M oflag=seek_bytes seek="$((quarter * part))" conv=notrunc status=none
  done
  same parts wanted
  "$tool" "${open[@]}" --plan plan "$disk" >image
  same image wanted
  [[ $("$tool" "${open[@]}" --plan plan --measure=size "$disk") == "$size" ]]
}
open=(-f raw)
for options in '' '-c 512' '-c 2M -r 64' '-v 2' '--scan none' '--compress -c 4k' \
  '--compress=zstd:3 --spool-memory 0' '--compress --deflate-window 32k -v 2' \
  '--base base.raw -B base.raw -F raw' '--base base.raw -v 2' \
  '--base base.raw -B base.raw -F raw --extended-l2' '--base base.raw --compress' '-R'; do
  # shellcheck disable=SC2086
  check disk.raw -f raw $options
done
open=(-f qcow2)
check disk.qcow2 -f qcow2 -c 16k
open=(-f qcow2 --shallow)
check top.qcow2 -f qcow2 --shallow -B base.raw -F raw -c 32k

# No data is looked at: what the map says is what counts. No survey, so no need of the base.
"$tool" --base base.raw --save-plan plan disk.raw >wanted
mv base.raw elsewhere
"$tool" --plan plan disk.raw >image
same image wanted
mv elsewhere base.raw

# Options of the image: the same, or none.
"$tool" -c 128k --compress=zlib --save-plan plan disk.raw >wanted
"$tool" -c 128k --compress=zlib --plan plan --if-match "$("$tool" --measure=json --plan plan \
  disk.raw | grep -oP '"image-id": "\K[^"]+')" disk.raw >image
same image wanted
for options in '-c 64k' '--compress=zstd' '--compress=zlib:1' '--compress --deflate-window 32k' \
  '-r 8' '-v 2' '--extended-l2' '-B x -F raw' '-d'; do
  # shellcheck disable=SC2086
  expect_refusal 2 'is another one in the plan plan; leave it out' "$tool" $options --plan plan disk.raw
done
for options in '--scan zeros' '--map x' '--base x' '--no-extents' '--spool-memory 1M' '--save-plan x'; do
  # shellcheck disable=SC2086
  expect_refusal 2 'the disk has been surveyed' "$tool" $options --plan plan disk.raw
done
expect_refusal 2 'needs --plan' "$tool" --assume-unchanged disk.raw

# Another disk.
"$tool" --save-plan plan disk.raw >wanted
cp --sparse=always disk.raw copy.raw
touch -d '2001-01-01' copy.raw
expect_refusal 4 'copy.raw: does not fit the plan plan: it has changed since' "$tool" --plan plan copy.raw
"$tool" --plan plan --assume-unchanged copy.raw >image
same image wanted
touch -r disk.raw copy.raw
"$tool" --plan plan copy.raw >image
same image wanted
# More nanoseconds since 1970 than 63 bits hold.
touch -d '2400-01-01' copy.raw
"$tool" --save-plan late copy.raw >image
same image wanted
"$tool" --plan late copy.raw >image
same image wanted
expect_refusal 4 'disk.raw: does not fit the plan late: it has changed since' "$tool" --plan late disk.raw
truncate -s 25M copy.raw
touch -r disk.raw copy.raw
expect_refusal 4 'it has 26214400 bytes, not 25165824' "$tool" --plan plan --assume-unchanged copy.raw
expect_refusal 4 'it has 262' "$tool" --plan plan copy.raw

# What has no time stamp: an NBD server.
expect_refusal 4 'cannot be seen; --assume-unchanged if' \
  "$tool" --plan plan -- [ nbdkit --exit-with-parent file disk.raw ]
"$tool" --plan plan --assume-unchanged -- [ nbdkit --exit-with-parent file disk.raw ] >image
same image wanted
# shellcheck disable=SC2094
"$tool" --plan plan --assume-unchanged --size 24M - < <(cat disk.raw) >image
same image wanted

# The first bytes of a disk: that they are all of it is said again.
echo '{"virtual-size": 8388608, "cluster-size": 4096}' >info
"$tool" --json-header-info 3 --save-plan plan disk.raw >wanted 3<info
"$tool" --json-header-info 3 --plan plan disk.raw >image 3<info
same image wanted
expect_refusal 4 'it has 25165824 bytes, not 8388608' "$tool" --plan plan disk.raw
"$tool" --save-plan plan disk.raw >wanted

# A file that cannot be written fails before the first byte, and so does one that holds something else.
expect_refusal 1 'missing/plan: cannot be opened for writing' "$tool" --save-plan missing/plan disk.raw
expect_refusal 1 '/dev/full: (write|close) failed' "$tool" --save-plan /dev/full disk.raw
cp disk.raw before
cp base.raw base.before
ln -s disk.raw link
expect_refusal 1 'disk.raw: cannot be written: it is disk.raw' "$tool" --save-plan disk.raw disk.raw
expect_refusal 1 'link: cannot be written: it is disk.raw' "$tool" --save-plan link --measure disk.raw
expect_refusal 1 'base.raw: cannot be written: it is base.raw' \
  "$tool" --save-plan base.raw --base base.raw disk.raw
echo '[]' >map
expect_refusal 1 'map: cannot be written: it is map' "$tool" --save-plan map --map map disk.raw
[[ $(<map) == '[]' ]]
same disk.raw before
same base.raw base.before
status=0
# shellcheck disable=SC2094
"$tool" --save-plan image disk.raw >image 2>stderr || status=$?
[[ $status == 1 && ! -s image ]]
expect_stderr 'image: cannot be written: the image goes there'
for name in /dev/stdout /dev/fd/1; do
  expect_refusal 2 'is standard output' "$tool" --save-plan $name disk.raw
done
status=0
"$tool" --save-plan /dev/fd/01 disk.raw 2>stderr | wc -c >count || status=$?
[[ $status == 1 && $(<count) == 0 ]]
expect_stderr 'the image goes there'
: >empty
for options in '--save-plan x --report=x' '--save-plan x --digest md5 --digest md5=./x' '--report=./x --digest md5=x' \
  '--save-plan empty --report=empty'; do
  rm -f x
  # shellcheck disable=SC2086
  expect_status 1 "$tool" $options disk.raw
  [[ ! -s stdout ]]
  expect_messages 1
  expect_stderr '(x|empty): cannot be written: something else is being written to it'
done
[[ ! -e x || $(wc -l <x) == 1 ]] || fail "in x: $(<x)"  # the end of the report
rm -f x
for content in 'my letters' 'QFI' ''; do
  printf '%s\0' "$content" >theirs
  truncate -s 5000 theirs
  cp theirs before.theirs
  expect_refusal 1 'theirs: cannot be written: it holds something else than a plan' \
    "$tool" --save-plan theirs disk.raw
  expect_refusal 1 'theirs: cannot be written: it holds something else than digests' \
    "$tool" --digest md5=theirs disk.raw
  expect_refusal 1 'theirs: cannot be written: it holds something else than a report' \
    "$tool" --report=theirs disk.raw
  same theirs before.theirs
done
# An old one stays where there is no new one.
cp plan old
expect_refusal 4 'if-match' "$tool" --if-match no --save-plan old disk.raw
same old plan
expect_refusal 4 'if-match' "$tool" --if-match no --save-plan new disk.raw
[[ ! -e new ]] || fail 'a file without a plan'
# Through a descriptor.
"$tool" --save-plan /dev/fd/3 --measure disk.raw 3>plan3 >/dev/null
same plan3 plan

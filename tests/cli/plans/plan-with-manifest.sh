#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A plan that was saved together with a manifest has its digests: what is sent of a disk without a time stamp is
# compared, chunk by chunk, and nobody has to vouch for it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img qemu-io nbdkit

truncate -s $((20 * M + 700)) disk.raw
data disk.raw 0 9*M
data disk.raw 14*M+5000 3*M
cp disk.raw base.raw
data base.raw 2*M 300*K 9
data base.raw 15*M 2*M 9
"$tool" --save-manifest base.manifest base.raw >base.qcow2

# planned OPTION...: the image and the manifest are those of a run without a plan; of a server, and in parts.
planned() {
  rm -f plan manifest
  convert disk.raw wanted --save-manifest wanted.manifest "$@"
  [[ $("$tool" --measure=size --save-plan plan --save-manifest manifest "$@" disk.raw) == "$(size_of wanted)" ]]
  same manifest wanted.manifest
  convert disk.raw image --save-plan again --save-manifest manifest "$@"
  same image wanted
  same again plan
  convert disk.raw image --plan plan
  same image wanted
  serve sock file disk.raw
  convert nbd+unix:///?socket=sock image --plan plan --save-manifest manifest
  same image wanted
  same manifest wanted.manifest
  local size quarter
  size=$(size_of wanted)
  quarter=$((size / 4 + 1000))
  for part in 0 1 2 3; do
    "$tool" --plan plan --offset $((part * quarter)) --length $quarter nbd+unix:///?socket=sock
  done >parts
  same parts wanted
  end_process "$server"

  # A chunk that is sent and has changed is found; one that is not sent is not looked at. The size stays.
  cp disk.raw changed.raw
  data changed.raw 16*M 100 77
  serve sock file changed.raw
  expect_status 3 "$tool" --plan plan nbd+unix:///?socket=sock
  expect_stderr 'changed while it was read'
  (($(size_of stdout) < size))
  "$tool" --plan plan --length 200K nbd+unix:///?socket=sock >part
  cmp -n $((200 * K)) part wanted
  # Nor does it help to say that nothing has changed.
  expect_status 3 "$tool" --plan plan --assume-unchanged nbd+unix:///?socket=sock
  end_process "$server"
}
planned
planned -c 512
planned -c 2M --manifest-chunk 64k
planned --manifest-chunk 16M --no-root-trailer
planned --compress
planned --compress=zstd -c 4k -T 1
planned --scan none
planned --base base.raw -B base.qcow2 -F qcow2
planned --base-manifest base.manifest -B base.qcow2 -F qcow2
planned --base-manifest base.manifest -B base.qcow2 -F qcow2 -c 16k --extended-l2
[[ $("$tool" --measure=id --plan plan disk.raw) == *.root-$(root_of disk.raw) ]]

# Also with a base's manifest alone: its image has a root, and so digests.
"$tool" --base-manifest base.manifest -B base.qcow2 -F qcow2 --save-plan plan disk.raw >wanted
serve sock file disk.raw
convert nbd+unix:///?socket=sock image --plan plan
same image wanted

# What the top of a chain holds: the rest of a chunk comes from below.
qemu-img create -q -f qcow2 -b base.raw -F raw top.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 2M 100k' top.qcow2
"$tool" -f qcow2 --shallow --base-manifest base.manifest --save-manifest top.manifest --save-plan plan \
  -B base.qcow2 -F qcow2 top.qcow2 >wanted
convert top.qcow2 image -f qcow2 --plan plan
same image wanted

# A device has no time stamp, either.
if [[ $EUID == 0 ]] && loop=$(losetup -f --show -r disk.raw 2>/dev/null); then
  at_exit losetup -d "$loop"
  truncate -s $((20 * M + 1024)) padded.raw
  dd if=disk.raw of=padded.raw conv=notrunc status=none
  size=$(blockdev --getsize64 "$loop")
  "$tool" --save-plan plan --save-manifest manifest "$loop" >wanted
  convert "$loop" image --plan plan
  same image wanted
  [[ $size -gt 0 ]]
fi

# A time stamp that is another one still counts, unless somebody vouches for the disk; then the digests do.
"$tool" --save-plan plan --save-manifest manifest disk.raw >wanted
cp disk.raw copy.raw
touch -d 2001-01-01 copy.raw
expect_refusal 4 'it has changed since' "$tool" --plan plan copy.raw
convert copy.raw image --plan plan --assume-unchanged
same image wanted

# Other plans are as they were, and have none.
"$tool" --save-plan plain disk.raw >image
[[ $(head -n 1 plain) == 'qcow2-to-stdout plan 1' ]]
expect_refusal 4 'cannot be seen; --assume-unchanged if you know that it has not, or make the plan together with a manifest' \
  "$tool" --plan plain nbd+unix:///?socket=sock
expect_refusal 2 'save-manifest: the plan plain was not made together with a manifest' "$tool" --plan plain --save-manifest m disk.raw
for option in '--base-manifest base.manifest' '--manifest-chunk 64k' --no-root-trailer --read-all; do
  # shellcheck disable=SC2086
  expect_status 2 "$tool" --plan plan $option disk.raw
done
# Damage is found wherever it is.
size=$(size_of plan)
for at in 21 40 $((size / 2)) $((size - 40)) $((size - 3)); do
  cp plan damaged
  flip damaged $at
  expect_status 1 "$tool" --plan damaged disk.raw
done
head -c $((size - 100)) plan >damaged
expect_status 1 "$tool" --plan damaged disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where somebody tells what has changed, a manifest takes the rest from that of the parent, and reads no more than what
# has changed.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img qemu-io nbdkit

truncate -s 12M monday.raw
data monday.raw 0 6*M
data monday.raw 9*M 1*M
cp monday.raw tuesday.raw
data tuesday.raw 1*M+100 5000 7                                                       # chunk 4
dd if=/dev/zero of=tuesday.raw bs=1M seek=3 count=1 conv=notrunc status=none          # chunks 12 to 15
data tuesday.raw 7*M+70000 1000 9                                                     # chunk 28
"$tool" --save-manifest monday monday.raw >monday.qcow2
cat >changed.json <<END
[{"start":$((1 * M)),"length":65536},{"start":$((3 * M)),"length":1048576},{"start":$((7 * M + 65536)),"length":65536}]
END

# increment DISK OPTION...: shows tuesday on top of monday; with the manifest of all of it and the roots of both.
increment() {
  local disk=$1
  shift
  rm -f tuesday
  convert "$disk" image --base-manifest monday --save-manifest tuesday -B monday.qcow2 -F qcow2 "$@"
  check_image image tuesday.raw
  [[ $(root_in tuesday tuesday.raw) == "$(root_of tuesday.raw)" ]] || fail "another root: $*"
  [[ $(tail -c 480 image | head -c 32 | od -An -v -tx1 | tr -d ' \n') == "$(root_of tuesday.raw)" ]]
  [[ $(tail -c 448 image | head -c 32 | od -An -v -tx1 | tr -d ' \n') == "$(root_in monday)" ]]
  # What has changed was read.
  inherited=$(python3 "$helpers/manifest.py" inherited tuesday)
  for chunk in 4 12 13 14 15 28; do [[ " $inherited " != *" $chunk "* ]] || fail "$chunk was not read: $*"; done
  # Without the new manifest, by parts, and measured.
  convert "$disk" again --base-manifest monday -B monday.qcow2 -F qcow2 "$@"
  same image again
  {
    "$tool" --base-manifest monday -B monday.qcow2 -F qcow2 "$@" --length 70001 "$disk"
    "$tool" --base-manifest monday -B monday.qcow2 -F qcow2 "$@" --offset 70001 "$disk"
  } >parts
  same image parts
  [[ $("$tool" --measure=size --save-manifest measured --base-manifest monday -B monday.qcow2 -F qcow2 "$@" "$disk") == "$(size_of image)" ]]
  same tuesday measured
}
for options in '' '-c 4k' '-T 1' '--compress' '-c 16k --extended-l2' '--scan none' '--scan holes' '-v 2' '-c 2M'; do
  # shellcheck disable=SC2086  # words
  increment tuesday.raw --changed-map changed.json $options
done
increment tuesday.raw --changed-map changed.json
[[ $inherited == "0 1 2 3 5 6 7 8 9 10 11 16 17 18 19 20 21 22 23 36 37 38 39" ]] || fail "$inherited"
"$from_stdin" -i monday.qcow2 -i image --ignore-names --manifest tuesday restored.raw
same restored.raw tuesday.raw

# A bitmap in an image, and what the top image of a chain holds; with clusters of the output that are larger, too.
qemu-img convert -O qcow2 monday.raw live.qcow2
qemu-img bitmap --add -g 64k live.qcow2 step
qemu-img create -q -f qcow2 -b monday.raw -F raw top.qcow2
for image in live.qcow2 top.qcow2; do
  part tuesday.raw 1*M 64*K >first
  part tuesday.raw 7*M+64*K 64*K >second
  qemu-io -f qcow2 -c "write -q -s first 1M 64k" -c 'write -q -z 3M 1M' -c "write -q -s second 7232k 64k" $image
done
for options in '' '-c 4k' '-c 2M' '--compress'; do
  # shellcheck disable=SC2086
  increment live.qcow2 -f qcow2 --dirty-bitmap step $options
  # shellcheck disable=SC2086
  increment top.qcow2 -f qcow2 --shallow $options
done
# All of the chain is hashed where all is read.
convert top.qcow2 image -f qcow2 --shallow --read-all --save-manifest tuesday -B monday.qcow2 -F qcow2
check_image image tuesday.raw
[[ $(root_in tuesday tuesday.raw) == "$("$tool" -f qcow2 --measure=root top.qcow2)" ]]
[[ $("$tool" -f qcow2 --shallow --measure=root top.qcow2) == "$(root_of tuesday.raw)" ]]
convert tuesday.raw image --changed-map changed.json --read-all --save-manifest tuesday -B monday.qcow2 -F qcow2
[[ $(root_in tuesday tuesday.raw) == "$(root_of tuesday.raw)" ]]
[[ -z $(python3 "$helpers/manifest.py" inherited tuesday) ]]

# What has not changed is not read.
convert tuesday.raw image --changed-map changed.json --base-manifest monday --save-manifest wanted -B monday.qcow2 -F qcow2
serve sock --filter=log file tuesday.raw logfile=reads
convert nbd+unix:///?socket=sock again --changed-map changed.json --base-manifest monday --save-manifest tuesday \
  -B monday.qcow2 -F qcow2
same again image
same tuesday wanted
# Bytes that were asked for: chunks 4, 12 to 15 and 28, and not the other ones.
while read -r offset count; do
  for ((chunk = offset / 262144; chunk <= (offset + count - 1) / 262144; ++chunk)); do
    [[ $chunk =~ ^(4|12|13|14|15|28)$ ]] || ((chunk == 0 || chunk == 47)) || fail "chunk $chunk was read"
  done
done < <(sed -nE 's/.* (Read|pread).*offset=(0x[0-9a-f]+) count=(0x[0-9a-f]+).*/\2 \3/p' reads)

# Disks that have grown and shrunk: what is behind the end of the shorter one is read.
cp tuesday.raw grown.raw
truncate -s $((14 * M + 512)) grown.raw
data grown.raw 13*M 5000
cat >grown.json <<END
[{"start":$((1 * M)),"length":65536},{"start":$((3 * M)),"length":1048576},{"start":$((7 * M)),"length":$((7 * M + 512))}]
END
convert grown.raw image --changed-map grown.json --base-manifest monday --save-manifest grown -B monday.qcow2 -F qcow2
check_image image grown.raw
[[ $(root_in grown grown.raw) == "$(root_of grown.raw)" ]]
head -c $((9 * M + 300 * K)) tuesday.raw >shrunk.raw
convert shrunk.raw image --changed-map changed.json --base-manifest monday --save-manifest shrunk -B monday.qcow2 -F qcow2
[[ $(root_in shrunk shrunk.raw) == "$(root_of shrunk.raw)" ]]

# A parent is needed, or all is read, if somebody says so.
for what in '--changed-map changed.json' '-f qcow2 --shallow' '-f qcow2 --dirty-bitmap step'; do
  # shellcheck disable=SC2086
  expect_refusal 2 '^qcow2-to-stdout: --save-manifest: what has not changed comes from --base-manifest, .*--read-all' \
    "$tool" $what --save-manifest refused top.qcow2
done
for wrong in '--read-all' '--read-all --save-manifest x' '--read-all --save-manifest x --base-manifest monday' \
  '--read-all --changed-map changed.json' \
  '--read-all --changed-map changed.json --save-manifest x --base-manifest monday'; do
  # shellcheck disable=SC2086
  expect_refusal 2 '^qcow2-to-stdout: --read-all: ' "$tool" $wrong tuesday.raw
done
expect_refusal 2 'only one of' "$tool" --changed-map changed.json --base monday.raw --base-manifest monday tuesday.raw

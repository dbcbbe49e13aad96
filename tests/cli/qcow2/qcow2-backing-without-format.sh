#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A backing file for which no format is recorded: raw, unless a guest may have made it look like an image.
# Then the message has the command that mends it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
# overlay BACKING IMAGE: records no format, as old versions of qemu-img did.
overlay() {
  qemu-img create -q -f qcow2 -u -b "$1" -F raw "$2" 4M
  python3 - "$2" <<'EOT'
import sys
with open(sys.argv[1], "r+b") as file:
    header = bytearray(file.read(4096))
    at = header.index(bytes.fromhex("e2792aca"))
    header[at:at + 4] = b"\x12\x34\x56\x78"
    file.seek(0)
    file.write(header)
EOT
  qemu-img info "$2" | (! grep -q 'backing file format') || fail "a format is recorded"
}

truncate -s 4M disk.raw
data disk.raw 1*M 2*M
overlay disk.raw over.qcow2
qemu-io -f qcow2 -c 'write -q -P 1 1M 100k' over.qcow2
qemu-img convert -f qcow2 -O raw over.qcow2 flat.raw
convert over.qcow2 copy.qcow2 -f qcow2
check_image copy.qcow2 flat.raw

# What the guest has written names a file that is none of its business.
echo secret >secret
data secret 10 1*M
qemu-img create -q -f qcow2 -u -b "$dir/secret" -F raw inner.qcow2 4M
cp disk.raw hostile.raw
dd if=inner.qcow2 of=hostile.raw conv=notrunc status=none
overlay hostile.raw hostile.qcow2
expect_refusal 1 'hostile.raw: begins as a qcow2 image, and no format is recorded for it: a guest may have' \
  "$tool" -f qcow2 hostile.qcow2
# Where raw is recorded, that is what it is.
qemu-img rebase -u -F raw -b hostile.raw hostile.qcow2
qemu-img convert -f qcow2 -O raw hostile.qcow2 flat.raw
cmp -n 4096 flat.raw hostile.raw
convert hostile.qcow2 copy.qcow2 -f qcow2
check_image copy.qcow2 flat.raw

# An image that is one: the command of the message, as it is printed, whatever the names are.
mkdir -p 'two  words' "it's"
# shellcheck disable=SC2016  # nothing is to be expanded
for name in plain.qcow2 'two  words/$HOME `id`.qcow2' "it's/a \"name\".qcow2"; do
  qemu-img convert -f raw -O qcow2 disk.raw "$name"
  mkdir -p "$(dirname "over $name")"
  overlay "$dir/$name" "over $name.top"
  expect_refusal 1 'begins as a qcow2 image' "$tool" -f qcow2 "over $name.top"
  command=$(sed -n 's/.*say so with \(qemu-img rebase -u -F qcow2 .*\)$/\1/p' stderr)
  [[ $command ]] || fail "no command in the message"
  eval "$command"
  convert "over $name.top" copy.qcow2 -f qcow2
  check_image copy.qcow2 disk.raw
done

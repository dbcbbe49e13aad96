#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# No reader stumbles over the root in an image, and a program that writes to the image may.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img qemu-io

truncate -s 12M disk.raw
data disk.raw 0 5*M
data disk.raw 8*M+300 4000
: >nothing.raw
"$tool" --save-manifest nothing --measure=size nothing.raw >size

# has_extension IMAGE: its type stands in the first cluster.
has_extension() { head -c 512 "$1" | finds -a qcsr || fail "$1 has no root in its header"; }

# Readers that are not here are not asked; tests/cli/image/other-readers.sh asks 7-Zip and libqcow's file system for
# more kinds of images.
seven_zip=$(type -P 7zz || type -P 7z || type -P 7za) || true
python=
for candidate in python3 /usr/bin/python3; do
  "$candidate" -c 'import pyqcow' 2>/dev/null && python=$candidate && break
done
qcow2dec=false
! nbdkit --filter=qcow2dec null --help >/dev/null 2>&1 || qcow2dec=true
for reader in "${seven_zip:+7-Zip}" "${python:+pyqcow}" "$(type -P qcowinfo)" "$($qcow2dec && echo nbdkit qcow2dec)"; do
  [[ -z $reader ]] || echo "asked: $reader"
done

# read_elsewhere: by those that read full images of these options, with the disk in disk.raw.
read_elsewhere() {
  if [[ -n $seven_zip ]]; then
    rm -rf extracted
    "$seven_zip" x -y -tqcow -oextracted image >7z.log 2>&1 || fail "7-Zip: $(<7z.log)"
    cmp extracted/* disk.raw || fail "7-Zip shows another disk"
  fi
  if [[ -n $python ]]; then
    "$python" -c 'import pyqcow, sys
image = pyqcow.file()
image.open("image")
at, size = 0, image.get_media_size()
while at < size:
    at += sys.stdout.buffer.write(image.read_buffer_at_offset(min(1 << 20, size - at), at))' >extracted.raw
    cmp extracted.raw disk.raw || fail "pyqcow shows another disk"
  fi
  ! type -P qcowinfo >/dev/null || qcowinfo image >qcowinfo.log 2>&1 || fail "qcowinfo: $(<qcowinfo.log)"
  if $qcow2dec; then
    serve sock --filter=qcow2dec file image
    [[ $("$tool" --measure=root nbd+unix:///?socket=sock) == "$(root_in manifest)" ]] || fail "nbdkit shows another disk"
    end_process "$server"
  fi
}

# readable OPTION...
readable() {
  convert disk.raw image --save-manifest manifest "$@"
  has_extension image
  check_image image disk.raw
  qemu-img check -f qcow2 image | finds '^No errors' || fail "$(qemu-img check image)"
  qemu-img info --output=json image >info.json
  [[ $(json info.json virtual-size) == $((12 * M)) ]]
  qemu-img convert -f qcow2 -O raw image converted
  same converted disk.raw
  "$tool" -f qcow2 --measure=root image >root
  [[ $(<root) == "$(root_in manifest)" ]]
  "$from_stdin" --check <image
  "$from_stdin" --overwrite restored <image
  same restored disk.raw
  "$from_stdin" --overwrite -i image restored
  same restored disk.raw
  # What QEMU writes to it: the root is another one now, and nothing else is wrong.
  qemu-io -f qcow2 -c 'write -P 7 10M 1M' image >/dev/null
  qemu-img check -q -f qcow2 image
  has_extension image
  "$tool" -f qcow2 --measure=root image >other
  ! cmp -s root other
}
for options in '' '-c 512' '-c 4k' '-v 2' '-c 2M' --compress; do
  # shellcheck disable=SC2086  # words
  readable $options
  # shellcheck disable=SC2086
  convert disk.raw image --save-manifest manifest $options
  read_elsewhere
done
readable --compress=zstd -c 4k
readable --extended-l2
readable --base-manifest nothing

# The name of a backing file has less room in a small header.
"$tool" -c 512 --base-manifest nothing -B "$(printf 'n%.0s' {1..200})" -F raw disk.raw >image
expect_refusal 2 'a name of 330 bytes does not fit, 320 bytes do' "$tool" -c 512 --base-manifest nothing \
  -B "$(printf 'n%.0s' {1..330})" -F raw disk.raw

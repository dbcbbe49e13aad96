#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The name of a backing file is recorded as it is, relative to the image's directory, its format with it. A
# name that QEMU would take for a protocol gets ./ in front.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 1M disk.raw
data disk.raw 0 1*M
mkdir images
cp disk.raw images/base.raw
data disk.raw 300*K 100 7
# recorded NAME FORMAT OPTION...: what qemu-img says of the increment.
recorded() {
  convert disk.raw images/image.qcow2 --base images/base.raw -B "$1" -F "$2" "${@:3}"
  qemu-img info --output=json images/image.qcow2 >info.json
  [[ $(json info.json backing-filename-format) == "$2" ]]
  json info.json backing-filename
}
for options in '' '-v 2' '-c 512' '-c 512 -v 2' '-c 2M' '--extended-l2'; do
  # shellcheck disable=SC2086
  [[ $(recorded base.raw raw $options) == base.raw ]]
  check_image images/image.qcow2 disk.raw
done
for name in 2026:11:22 a:b; do
  cp images/base.raw "images/$name"
  [[ $(recorded "$name" raw) == "./$name" ]]
  check_image images/image.qcow2 disk.raw
done
for name in "$dir/images/base.raw" ../images/base.raw sub/a:b nbd://host/x 'json:{"driver":"null-co"}' '  ' 'a"b' ä; do
  [[ $(recorded "$name" raw) == "$name" ]] || fail "$name: $(<info.json)"
done
# What is recorded need not be there, and its format is what was said.
[[ $(recorded nosuch.qcow2 qcow2) == nosuch.qcow2 ]]
[[ $(recorded x fifteen_letters) == x ]]

# The longest names: one byte more is refused (increment-options-refused.sh).
name() { printf '%*s' "$1" '' | tr ' ' n; }
[[ $(recorded "$(name 376)" raw -c 512) == "$(name 376)" ]]
[[ $(recorded "$(name 416)" raw -c 512 -v 2) == "$(name 416)" ]]
[[ $(recorded "$(name 1023)" raw) == "$(name 1023)" ]]

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file name is bytes, also those that are no text in any encoding.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 1M disk.raw
data disk.raw 0 100*K
convert disk.raw wanted
for format in qcow2 vmdk; do
  qemu-img convert -f raw -O $format disk.raw disk.$format
  for name in $'\xff' $'latin-1 Gr\xfc\xdfe' $'cut short \xe2\x82' $'overlong \xc0\xaf' $'surrogate \xed\xa0\x80' \
    $'all, of: it \xfe"\\\n{'; do
    cp disk.$format "$name"
    for input in "$format" auto; do
      convert "$name" image -f "$input"
      same image wanted
    done
    rm "$name"
  done
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Names with spaces, newlines, commas, colons, dashes and letters of any script are names.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
truncate -s 1M disk.raw
data disk.raw 0 100*K
convert disk.raw wanted
# shellcheck disable=SC2016
for name in 'with space' $'new\nline' ./-dash 'com,ma,driver=null' 'col:on' 'Grüße 日本' $'not utf-8 \xff' \
  'percent %s%n' "quote'\"" ./[ 'a]' 'back\slash' '$HOME' '*' 'nbd' 'json'; do
  cp disk.raw "$name"
  convert "$name" image
  same image wanted
  convert "$name" image -d
  [[ $name == *[:]* ]] || check_image image disk.raw
  rm "$name"
  expect_refusal 1 'No such file' "$tool" "$name"
done
cp disk.raw ./--help
"$tool" -- --help >image
same image wanted

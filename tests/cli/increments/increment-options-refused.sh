#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Options of increments that make no sense: status 2, the option's name in the message, no output.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw base.raw disk.qcow2
echo '[]' >list
# refused PATTERN ARGUMENT...
refused() { expect_refusal 2 "$1" "$tool" "${@:2}"; }
# name LENGTH
name() { printf '%*s' "$1" '' | tr ' ' n; }

refused '-B, --backing-file: needs -F' disk.raw -B b --base base.raw
refused '-F, --backing-format: needs -B' disk.raw -F raw --base base.raw
refused '-B, --backing-file: needs one of --base, --dirty-bitmap, --shallow, --changed-map' disk.raw -B b -F raw
refused '-B' disk.raw -B b -F raw --map list
for value in '' 'Raw' 'a b'; do refused '-F' disk.raw -B b -F "$value" --base base.raw; done
refused '-B' disk.raw -B '' -F raw --base base.raw
refused '-B.*16, not 1 to 15|16 bytes, not 1 to 15' disk.raw -B b -F "$(name 16)" --base base.raw
refused '-B.*1024 bytes does not fit, 1023' disk.raw -B "$(name 1024)" -F raw --base base.raw
refused '-B.*377 bytes does not fit, 376' disk.raw -c 512 -B "$(name 377)" -F raw --base base.raw
refused '-B.*417 bytes does not fit, 416' disk.raw -v 2 -c 512 -B "$(name 417)" -F raw --base base.raw
refused '-B.*369 bytes does not fit, 368' disk.raw -c 512 -B "$(name 369)" -F "$(name 15)" --base base.raw

sources=('--base base.raw' '--changed-map list' '-f qcow2 --dirty-bitmap b' '-f qcow2 --shallow')
for a in "${sources[@]}"; do
  for b in "${sources[@]}"; do
    # shellcheck disable=SC2086
    [[ $a == "$b" ]] || refused 'only one of .* can say what has changed' disk.raw $a $b
  done
done
for source in "${sources[@]:0:2}"; do
  # shellcheck disable=SC2086
  for option in -d -R --data-file=x; do refused '-d|-R' disk.raw $source $option; done
done
for source in "${sources[@]:1}"; do
  # shellcheck disable=SC2086
  refused '--map: not together with' disk.raw $source --map list
done
refused '--base: standard input' disk.raw --base -
for option in --base --base-format --changed-map --dirty-bitmap --diff -B -F; do
  refused "${option//-/\\-}.*value|argument" disk.raw $option
  refused "${option//-/\\-}" disk.raw $option ''
done
refused 'need --base' disk.raw --base-format raw
refused 'need --base' disk.raw --json-header-diff-map 0
refused 'need --base' disk.raw --json-header-diff-info 0
refused '--dirty-bitmap: a raw disk has none' disk.raw --dirty-bitmap b
refused '--dirty-bitmap: a raw disk has none' - --dirty-bitmap b
refused '--shallow: needs -f' disk.raw --shallow
refused '--shallow: needs -f' disk.raw --top-layer
refused '--extended-l2.*16384' disk.raw -c 8k --extended-l2
refused '--extended-l2.*version 3' disk.raw -v 2 --extended-l2
refused '--extended-l2' disk.raw --extended-l2=on

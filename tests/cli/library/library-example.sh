#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The example program that uses the library makes the same image as the command.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

[[ -n ${EXAMPLE_CONVERT:-} ]] || skip "EXAMPLE_CONVERT does not name the example"
example=$(realpath "$EXAMPLE_CONVERT")
truncate -s 5000001 disk.raw
data disk.raw 70*K 200*K
data disk.raw 5000000 1
for disk in disk.raw "$tool"; do
  "$example" "$disk" >image
  same image <("$tool" -f raw "$disk")
done
status=0
"$example" missing.raw >image 2>stderr || status=$?
[[ $status != 0 && ! -s image ]]
grep -q missing.raw stderr

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: what an overlay holds that a snapshot has closed.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img qemu-io python3
truncate -s 8M monday.raw
data monday.raw 0 5*M
convert monday.raw monday.qcow2
qemu-img create -q -f qcow2 -b monday.raw -F raw first.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 1M 100k' -c 'write -q -z 2M 1M' first.qcow2
qemu-img convert -f qcow2 -O raw first.qcow2 tuesday.raw
qemu-img create -q -f qcow2 -b first.qcow2 -F qcow2 second.qcow2
qemu-io -f qcow2 -c 'write -q -P 9 0 8M' second.qcow2

mv monday.raw elsewhere.raw
broken recipe_fails overlay overlay=first.qcow2
[[ ! -e tuesday.qcow2 ]]
run_recipe overlay overlay=first.qcow2
recipe_fails overlay overlay=second.qcow2 # tuesday is there
check_chain monday.qcow2 elsewhere.raw
check_chain tuesday.qcow2 tuesday.raw

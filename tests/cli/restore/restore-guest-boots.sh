#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A small machine: its disk is streamed, restored onto a device, and boots from there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/guest.sh
. "$source_root/tests/lib/guest.sh"

guest_disk guest.raw
# The device held something else before, and nothing of it is left.
data device.raw 0 169*M
loop_device device.raw
"$tool" --compress=zstd guest.raw | "$from_stdin" -q "$loop"
same "$loop" guest.raw
guest_boots "$loop"
guest_is_sound "$loop"

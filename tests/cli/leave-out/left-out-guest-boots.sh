#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A small machine: its disk is streamed without what its file system and its swap space do not use, restored onto a device
# that held something else, and boots from there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"
# shellcheck source=../../lib/guest.sh
. "$source_root/tests/lib/guest.sh"

guest_disk guest.raw
data device.raw 0 169*M
loop_device device.raw
"$tool" -q --leave-out free,swap guest.raw >image.qcow2
"$tool" -q guest.raw >whole.qcow2
# All that was deleted and nearly all of the swap space.
(($(size_of image.qcow2) + 36 * M + 7 * M < $(size_of whole.qcow2))) || fail "is not smaller"
"$from_stdin" -q "$loop" <image.qcow2
only_left_out guest.raw "$loop"
guest_boots "$loop"
guest_is_sound "$loop"

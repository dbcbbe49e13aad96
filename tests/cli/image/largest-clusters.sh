#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Clusters of 2 MiB cost neither memory nor space beyond what they hold.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
[[ -x /usr/bin/time ]] || skip "/usr/bin/time is not installed"
truncate -s 1T disk.raw
data disk.raw 0 1
data disk.raw 500*G-1 2
data disk.raw 1*T-1 1
/usr/bin/time -f %M -o memory "$tool" -c 2M disk.raw >image
sanitized || (($(<memory) < 64 * 1024)) || fail "$(<memory) KiB of memory"
check_image image disk.raw
# Header, refcount table and block, L1, two L2 tables (one a 512 GiB), four clusters of data.
[[ $(size_of image) == $((10 * 2 * M)) ]]

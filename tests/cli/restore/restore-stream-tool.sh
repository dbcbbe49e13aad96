#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The example with another decoder's command line: full images replace, increments are applied, and
# there are two statuses.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

stream_tool=$source_root/examples/qcow-stream-tool
PATH=$(dirname "$from_stdin"):$PATH

truncate -s 5M monday.raw
data monday.raw 0 3*M
cp monday.raw tuesday.raw
data tuesday.raw 1*M 1*M
"$tool" monday.raw >monday.qcow2
"$tool" -B monday.qcow2 -F qcow2 --base monday.raw tuesday.raw >tuesday.qcow2

decode() { "$stream_tool" stream_decode "$2" <"$1"; }
expect_status 0 decode monday.qcow2 disk.raw
expect_silence
same disk.raw monday.raw
expect_status 0 decode tuesday.qcow2 disk.raw
same disk.raw tuesday.raw
expect_status 0 decode monday.qcow2 disk.raw
same disk.raw monday.raw

head -c 100000 monday.qcow2 >cut.qcow2
expect_status 1 decode cut.qcow2 disk.raw
same disk.raw monday.raw
expect_status 1 decode /dev/null other.raw
is_not_there other.raw
expect_status 1 "$stream_tool" stream_decode
expect_status 1 "$stream_tool" encode disk.raw

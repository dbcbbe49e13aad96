#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A helper that dies or is missing: what it looked at is kept, or nothing is begun.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

aged_ext4 disk.raw 16M
convert disk.raw all.qcow2
cat >dies <<'END'
#!/bin/sh
kill -SEGV $$
END
chmod +x dies
QCOW2STREAM_CONFINED=$PWD/dies expect_refusal 1 'disk.raw' "$tool" --leave-out free disk.raw
QCOW2STREAM_CONFINED=$PWD/none expect_refusal 1 'none' "$tool" --leave-out free disk.raw

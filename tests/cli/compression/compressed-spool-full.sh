#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A full spool of compressed data ends the program before the first byte; what fits in memory needs
# no room there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need_root "a small file system"
data disk.raw 0 4*M
convert disk.raw wanted --compress
mkdir small
mount -t tmpfs -o size=100k none small 2>mount.log || skip "no tmpfs: $(<mount.log)"
at_exit umount "$dir/small"

expect_status 1 "$tool" --compress --spool-memory 0 --spool-dir small disk.raw
[[ ! -s stdout ]] || fail "$(size_of stdout) bytes on standard output"
expect_stderr '^qcow2-to-stdout: small: write failed: no space left on device'
[[ -z $(ls -A small) ]] || fail "something stays in the directory"
convert disk.raw image --compress --spool-memory 8M --spool-dir small
same image wanted
# Without a directory the data is compressed again.
TMPDIR=$dir/small convert disk.raw image --compress --spool-memory 0
same image wanted

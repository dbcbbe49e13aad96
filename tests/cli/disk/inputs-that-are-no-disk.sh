#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is not a file or block device, or cannot be opened: status 1, one message with its name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

refused() { expect_refusal 1 "^qcow2-to-stdout: $1: .*$2" timeout 20 "$tool" "$1"; }

refused missing.raw 'No such file or directory'
mkdir directory
refused directory 'directory|regular file'
refused /dev/zero 'regular file'
refused /dev/null 'regular file'
refused missing/disk.raw 'No such file or directory'
ln -s nowhere dangling.raw
refused dangling.raw 'No such file or directory'
: >file
refused file/disk.raw 'Not a directory'

# A fifo without a writer must not make it wait.
mkfifo fifo
refused fifo 'is a pipe: read it as standard input'

# Files of /proc have a size of 0 and something to read.
refused /proc/version 'how large'
expect_refusal 1 'standard input: .*how large' "$tool" - </proc/version
: >disk.raw
expect_refusal 1 '/proc/version: .*how large' \
  "$tool" -B base -F raw --base /proc/version disk.raw

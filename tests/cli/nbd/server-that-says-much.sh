#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server program that writes to its standard error without end does not wait for us and takes no memory of
# ours; the last it said is the reason where a read fails. One that is silent has the system's.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit pgrep
[[ -x /usr/bin/time ]] || skip "/usr/bin/time is not installed"
truncate -s 8M disk.raw
data disk.raw 0 8*M
convert disk.raw wanted

# What is said in a second is more than the memory that all of it may take.
# shellcheck disable=SC2016  # the shell that it starts expands it
talking=(sh -c 'yes "$(printf %01000d 0)" >&2 & exec nbdkit --exit-with-parent -r --filter=delay file disk.raw rdelay=200ms')
expect_status 0 /usr/bin/time -f %M -o memory "$tool" -T 1 -- [ "${talking[@]}" ]
expect_silence
same stdout wanted
sanitized || (($(<memory) < 200 * K)) || fail "took $(<memory) KiB"
wait_for_none() { ! pgrep -xf "yes 0{1000}" >/dev/null; }
wait_for wait_for_none

# shellcheck disable=SC2016  # nbdkit's shell expands it
plugin='get_size="echo 8388608" pread="echo EIO this is why >&2; exit 1"'
# Of several reads that fail the one is named whose answer came first.
one_at_a_time=(-T 1 --connections 1 --requests 1)
expect_status 1 "$tool" --no-extents "${one_at_a_time[@]}" -- [ sh -c "{ yes | head -c 1000000; echo; } >&2; exec nbdkit eval $plugin" ]
expect_messages 1
expect_stderr 'read at offset 0 failed: nbdkit: .*this is why$'
(($(size_of stderr) < 1000)) || fail "a message of $(size_of stderr) bytes"

# One line without an end.
expect_status 1 "$tool" -- [ sh -c 'head -c 10000000 /dev/zero | tr "\0" x >&2; exit 1' ]
expect_messages 1
(($(size_of stderr) < 3000)) || fail "a message of $(size_of stderr) bytes"

# Nothing at all is said.
expect_status 1 "$tool" --no-extents "${one_at_a_time[@]}" -- [ sh -c "exec 2>/dev/null; exec nbdkit eval $plugin" ]
expect_messages 1
expect_stderr 'read at offset 0 failed: input/output error$'

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each kind of output is served by the system call that is made for it, with the same bytes; where the
# kernel refuses it, by the next one; in the end by read and write.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 20M disk.raw
data disk.raw 3*M 5*M
data disk.raw 9*M 4*M
"$tool" disk.raw >wanted
check_image wanted disk.raw

# by METHOD RECEIVED: the run whose stderr we have moved data with it.
by() {
  grep -q "of them by $1, " stderr || fail "not by $1: $(<stderr)"
  same "$2" wanted
}

# through_pipe COMMAND...
through_pipe() { "$@" --verbose disk.raw 2>stderr | cat >received; }
# into_file COMMAND...
into_file() { "$@" --verbose disk.raw 2>stderr >received; }
# into_socket COMMAND...
into_socket() {
  "$helpers/odd_output.py" socket blocking "$@" --verbose disk.raw 2>stderr >received
}

through_pipe "$tool"

by splice received
into_file "$tool"
by copy_file_range received
into_socket "$tool"
by sendfile received
"$tool" --verbose disk.raw >/dev/null 2>stderr
by sendfile wanted

# A pipe from another program, an output that appends, another file system.
"$tool" --verbose disk.raw 2>stderr >>appended
by 'read and write' appended
if [[ -w /dev/shm && $(stat -f -c %T .) != "$(stat -f -c %T /dev/shm)" ]]; then
  other=$(mktemp /dev/shm/qcow2-to-stdout.XXXXXX)
  at_exit rm "$other"
  "$tool" --verbose disk.raw 2>stderr >"$other"
  by sendfile "$other"
fi

for error in EINVAL ENOSYS EPERM; do
  through_pipe "$DENY_SYSCALLS" $error splice "$tool"
  by 'read and write' received
  into_file "$DENY_SYSCALLS" $error copy_file_range "$tool"
  by sendfile received
  into_file "$DENY_SYSCALLS" $error copy_file_range,sendfile "$tool"
  by 'read and write' received
  into_socket "$DENY_SYSCALLS" $error sendfile "$tool"
  by 'read and write' received
done

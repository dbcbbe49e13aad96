#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that may not be read: status 1 and the system's reason.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

chmod 711 .
truncate -s 1M disk.raw
data disk.raw 0 100
as_user=("$tool")
if [[ $EUID == 0 ]]; then  # root may read everything
  need setpriv
  cp "$tool" program
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/program")
fi
expect_status '*' "${as_user[@]}" --version
grep -q qcow2-to-stdout stdout || skip "another user cannot run the program here"

expect_status 0 "${as_user[@]}" --measure=size disk.raw
chmod 000 disk.raw
expect_refusal 1 '^qcow2-to-stdout: disk\.raw: .*Permission denied' "${as_user[@]}" disk.raw

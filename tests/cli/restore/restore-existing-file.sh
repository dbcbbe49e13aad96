#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file that exists is refused, or replaced when the new one is complete; then it keeps its mode.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 3M disk.raw
data disk.raw 1*M 100*K
"$tool" disk.raw >image.qcow2
data old.raw 0 500*K
chmod 640 old.raw
cp -p old.raw kept.raw
expect_refusal 1 'old.raw: .*exists.*--overwrite' from_pipe image.qcow2 old.raw
same old.raw kept.raw

# What fails leaves it as it was.
head -c 300000 image.qcow2 >cut.qcow2
expect_refusal 3 'standard input: the image is cut off after [0-9]+ bytes.*; old.raw is unchanged$' \
  from_pipe cut.qcow2 --overwrite old.raw
same old.raw kept.raw
[[ $(ls) == $'cut.qcow2\ndisk.raw\nimage.qcow2\nkept.raw\nold.raw\nstderr\nstdout' ]] || fail "$(ls)"

expect_status 0 from_pipe image.qcow2 --overwrite old.raw
expect_silence
same old.raw disk.raw
[[ $(stat -c %a old.raw) == 640 ]] || fail "mode $(stat -c %a old.raw)"
# Attributes, and a list of who may do what: user 65534 may read.
if type -P python3 >/dev/null && python3 - <<'END' 2>/dev/null; then
import os, struct
os.setxattr("old.raw", "user.note", b"kept")
entries = [(1, 6, 2**32 - 1), (2, 4, 65534), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)]
os.setxattr("old.raw", "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
END
  expect_status 0 from_pipe image.qcow2 --overwrite old.raw
  python3 -c 'import os
assert os.getxattr("old.raw", "user.note") == b"kept"
assert len(os.getxattr("old.raw", "system.posix_acl_access")) == 4 + 5 * 8' || fail "its attributes are not kept"
fi
# By a link it is the file that the link leads to.
cp kept.raw old.raw
ln -s old.raw link.raw
expect_status 0 from_pipe image.qcow2 --overwrite link.raw
[[ -L link.raw ]]
same old.raw disk.raw

# A new one is for the owner of the process, as the umask says.
(umask 027 && from_pipe image.qcow2 new.raw)
[[ $(stat -c %a new.raw) == 640 ]] || fail "mode $(stat -c %a new.raw)"
mkdir directory
expect_refusal 1 'directory: ' from_pipe image.qcow2 directory
expect_refusal 1 'nowhere/disk.raw: ' from_pipe image.qcow2 nowhere/disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The disk of ./dev demo has only files that everybody may read, though root reads all of them, and nobody else may
# read the disk.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

need mke2fs debugfs
umask 022
mkdir -p files/open files/closed files/open/closed-too
for name in open/readable open/secret closed/hidden open/closed-too/hidden "open/with a space"; do
  echo "content of $name" >"files/$name"
done
echo "not for others" >files/open/executable-only
chmod 600 files/open/secret
chmod 711 files/open/executable-only
chmod 700 files/closed
chmod 750 files/open/closed-too
"$source_root/scripts/demo-disk" disk.raw "$dir/files" >log
[[ $(stat -c %a disk.raw) == 600 ]] || fail "rights of the disk: $(stat -c %a disk.raw)"

debugfs -R "rdump / ." disk.raw >debugfs.log 2>&1
rm -rf lost+found
(cd "./$dir/files" && find . -type f) | sort >found
printf './open/%s\n' "readable" "with a space" | sort >wanted
diff wanted found || fail "other files are on the disk"
[[ $(<"./$dir/files/open/readable") == "content of open/readable" ]]
! grep -q 'not for others\|content of open/secret\|content of .*hidden' disk.raw || fail "a secret is on the disk"

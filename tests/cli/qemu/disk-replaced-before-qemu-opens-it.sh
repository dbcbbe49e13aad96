#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU opens an image by its name. If another file has that by then, nobody would see it change, and the
# image-id would be that of the old one.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
daemon=$(type -P qemu-storage-daemon) || daemon=
server=$(type -P qemu-nbd) || server=
for fill in 1 2; do
  qemu-img create -q -f vmdk disk$fill 2M
  qemu-io -f vmdk -c "write -q -P $fill 0 1M" disk$fill
done
mkdir bin
for program in $daemon $server; do
  printf '#!/bin/sh\n[ ! -e replace ] || { rm replace; mv new disk; }\nexec %s "$@"\n' "$program" \
    >"bin/${program##*/}"
  chmod +x "bin/${program##*/}"
done

cp disk1 disk
cp disk2 new
: >replace
PATH=$PWD/bin:$PATH expect_refusal 3 'disk: changed while it was read \(another file has taken its name\)' \
  "$tool" -f vmdk disk
[[ ! -e replace && ! -e new ]] || fail 'QEMU was not started'

# Before that, and under any name that is the same file, all is well.
ln -s disk link
ln disk hard
for name in disk link hard; do
  PATH=$PWD/bin:$PATH "$tool" -f vmdk $name >image
  qemu-img compare -q -f qcow2 -F vmdk image disk2
done

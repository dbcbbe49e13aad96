#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a full backup and an increment of a disk while a guest goes on writing to it. Each
# has the disk as it was when the backup began. (qemu-storage-daemon stands in for the machine.)
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img qemu-io qemu-storage-daemon python3
truncate -s 8M vda.raw
data vda.raw 0 3*M
qemu-storage-daemon --chardev socket,id=monitor,path=vm.qmp,server=on,wait=off --monitor chardev=monitor \
  --blockdev '{"driver":"raw","node-name":"vda","file":{"driver":"file","filename":"vda.raw"}}' \
  --nbd-server addr.type=unix,addr.path="$dir/socket",max-connections=0 \
  --export nbd,id=guest,node-name=vda,name=guest,writable=on >daemon.log 2>&1 &
at_exit end_process $!
wait_for test -S vm.qmp
wait_for test -S socket

# guest COMMAND...: of qemu-io, through the machine.
guest() {
  qemu-io -f raw "${@/#/-c}" 'nbd+unix:///guest?socket=socket' >qemu-io.log || fail "$(<qemu-io.log)"
}
stand_in virsh <<'END'
"$helpers/virsh.py" "$@"
# The guest writes when the backup has begun, and what it wrote before does not change for the backup.
[[ $1 != backup-begin ]] || qemu-io -f raw -c 'write -P 99 0 5M' 'nbd+unix:///guest?socket=socket'
END
export helpers
machine=(vm=vm socket=socket scratch="$dir/scratch.qcow2")

# What failed leaves no backup and no checkpoint behind, and no job of libvirt that goes on.
broken recipe_fails libvirt-full "${machine[@]}"
cp vda.raw monday.raw
run_recipe libvirt-full "${machine[@]}"
recipe_fails libvirt-full "${machine[@]}" # a link is not overwritten
guest 'write -P 7 1M 100k'
broken recipe_fails libvirt-increment "${machine[@]}"
[[ ! -e tuesday.qcow2 ]]
guest 'write -z 2M 1M' 'write -P 8 7M 512'
cp vda.raw tuesday.raw
run_recipe libvirt-increment "${machine[@]}"
recipe_fails libvirt-increment "${machine[@]}"
check_chain monday.qcow2 monday.raw
check_chain tuesday.qcow2 tuesday.raw
# 5 MiB that the guest wrote during the first backup, of which 1 MiB became zeros, and a cluster.
(($(size_of tuesday.qcow2) == (5 + 4 * 16 + 1) * 65536)) || fail "$(size_of tuesday.qcow2) bytes"

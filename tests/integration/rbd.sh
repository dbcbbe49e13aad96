#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks on Ceph RBD, with real snapshots: what `rbd diff` says as --map and as --changed-map, restored and compared.
# shellcheck disable=SC2016  # the inner shell expands its arguments
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh" || exit 1

need rbd ceph qemu-img qemu-io jq
disk=disk.$$ back=back.$$ # Ceph goes as a whole
node() { echo '{"driver":"rbd","pool":"rbd","image":"'"$disk"'","snapshot":"'"$1"'","conf":"'"$CEPH_CONF"'"}'; }
# Bytes that the OSD has read for its clients.
served() { ceph --admin-daemon "$INTEGRATION_CEPH/run/osd.0.asok" perf dump | jq .osd.op_r_out_bytes; }
served_since() { noted "$1" "$((($(served) - $2) / M)) MiB read of the cluster"; }

disk_and_image disk.raw wanted
rbd import --no-progress disk.raw rbd/$disk
rbd snap create --no-progress rbd/$disk@monday
qemu-io -f raw -c 'write -P 90 21M 64k' -c 'discard 40M 4M' -c "write -P 7 $((integration_size / M - 30))M 4M" \
  "rbd:rbd/$disk:conf=$CEPH_CONF" >qemu-io.log
rbd snap create --no-progress rbd/$disk@tuesday
for day in monday tuesday; do rbd export --no-progress "rbd/$disk@$day" $day.raw; done
same monday.raw disk.raw

# A full image: QEMU's driver says which objects there are; the list says it more exactly.
before=$(served)
measured 'rbd, full image' sh -c '"$0" -q --blockdev "$1" >monday.qcow2' "$tool" "$(node monday)"
check_image monday.qcow2 monday.raw
served_since 'rbd, full image' "$before"
rbd diff --format=json rbd/$disk@tuesday >map.json
before=$(served)
measured 'rbd, full image, --map of rbd diff' sh -c '"$0" -q --map map.json --blockdev "$1" >tuesday.full.qcow2' "$tool" \
  "$(node tuesday)"
check_image tuesday.full.qcow2 tuesday.raw
served_since 'rbd, full image, --map of rbd diff' "$before"

# An increment.
rbd diff --format=json --from-snap monday rbd/$disk@tuesday >changed.json
before=$(served)
measured 'rbd, increment, --changed-map of rbd diff' sh -c \
  '"$0" -q --changed-map changed.json -B monday.qcow2 -F qcow2 --blockdev "$1" >tuesday.qcow2' "$tool" "$(node tuesday)"
served_since 'rbd, increment' "$before"
check_chain tuesday.qcow2 tuesday.raw
(($(size_of tuesday.qcow2) < 16*M)) || fail "the increment has $(size_of tuesday.qcow2) bytes"

# Back: as files, and onto an RBD disk through NBD.
"$from_stdin" -q -i monday.qcow2 -i tuesday.qcow2 restored.raw
same restored.raw tuesday.raw
rbd create --no-progress --size "${integration_size}B" rbd/$back
qemu-nbd --fork -f raw -k "$dir/socket" --pid-file nbd.pid "rbd:rbd/$back:conf=$CEPH_CONF"
"$from_stdin" -q -i monday.qcow2 -i tuesday.qcow2 "nbd+unix:///?socket=$dir/socket"
ended_nbd() { ! kill -0 "$(<nbd.pid)" 2>/dev/null; }
wait_for ended_nbd # after its only client
rbd export --no-progress rbd/$back back.raw
same back.raw tuesday.raw

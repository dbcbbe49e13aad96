#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ceph.sh up|down FOLDER
#
# A Ceph of one monitor, one OSD on a sparse file and one object gateway, all of it in FOLDER and on 127.0.0.1, without
# authentication. FOLDER/environment has what its users need in their environment.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=daemons.sh
. "$(dirname "$0")/daemons.sh"
readonly monitors='[v2:127.0.0.1:3300,v1:127.0.0.1:6789]' gateway=127.0.0.1:7480

down() { end_daemons "$folder"/{radosgw,ceph-osd,ceph-mon}.pid; }
if [[ $verb == down ]]; then
    down
    exit
fi

mkdir -p "$folder"
cd "$folder"
mkdir run log crash mon.a osd.0 rgw.a
identity() { cat /proc/sys/kernel/random/uuid; }
cluster=$(identity)
# `ms mon client mode`: the gateway asks for an encrypted connection otherwise, which does not work without keys.
cat >ceph.conf <<END
[global]
fsid = $cluster
mon host = $monitors
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon allow pool delete = true
mon data avail crit = 1
mon data avail warn = 2
# What was deleted is gone at once: by default it stays for two hours, and these tests make and delete a lot.
rgw gc obj min wait = 1
rgw gc processor period = 5
run dir = $folder/run
crash dir = $folder/crash
admin socket = $folder/run/\$name.asok
pid file = $folder/run/\$name.pid
log file = $folder/log/\$name.log
mon cluster log file = $folder/log/ceph.log
[mon]
mon data = $folder/mon.\$id
[osd]
osd data = $folder/osd.\$id
osd objectstore = bluestore
bluestore block create = true
bluestore block size = ${CEPH_SIZE:-17179869184}
osd memory target = 939524096
[client]
admin socket =
pid file =
log file =
[client.rgw.a]
rgw data = $folder/rgw.a
rgw frontends = beast endpoint=$gateway
ms mon client mode = crc
END
printf '[default]\ns3 =\n    addressing_style = path\n' >aws.conf
cat >environment <<END
unset AWS_CA_BUNDLE AWS_PROFILE AWS_SESSION_TOKEN
export CEPH_CONF=$folder/ceph.conf S3_ENDPOINT=http://$gateway
export AWS_CONFIG_FILE=$folder/aws.conf AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_DEFAULT_REGION=us-east-1
END
# shellcheck source=/dev/null
. ./environment

begin() {
    setsid "$@" >"log/$1.out" 2>&1 </dev/null &
    echo $! >"$1.pid"
}
wait_until() {
    for _ in {1..150}; do
        if "$@"; then return; fi
        sleep 0.2
    done
    echo "ceph.sh: never: $*" >&2
    down
    exit 1
}
osd_is_up() { timeout 5 ceph osd dump 2>/dev/null | finds '^osd.0 up'; }
gateway_answers() { curl -s -m 2 -o /dev/null "$S3_ENDPOINT/"; }

monmaptool --create --fsid "$cluster" --addv a "$monitors" monmap >log/monmap.out
ceph-mon --mkfs -i a --monmap monmap
begin ceph-mon -f -i a
osd=$(identity)
timeout 60 ceph osd new "$osd" >/dev/null
ceph-osd --mkfs -i 0 --osd-uuid "$osd" >log/mkfs.out 2>&1
begin ceph-osd -f -i 0
wait_until osd_is_up
timeout 60 ceph osd pool create rbd 8 8 2>log/pool.out
timeout 60 rbd pool init rbd
timeout 120 radosgw-admin -n client.rgw.a user create --uid=test --display-name=test \
    --access-key="$AWS_ACCESS_KEY_ID" --secret-key="$AWS_SECRET_ACCESS_KEY" >log/user.json 2>log/user.out
begin radosgw -f -n client.rgw.a
wait_until gateway_answers

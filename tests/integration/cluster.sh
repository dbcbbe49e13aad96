#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One disk on Ceph RBD, one plan, and several workers that each send parts of one upload: on Slurm, with one of them
# killed, and by GNU parallel over ssh. The object is the stream.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh" || exit 1

need rbd aws sbatch scontrol parallel sshd ssh-keygen jq curl
# shellcheck source=/dev/null
. "$INTEGRATION_SLURM/environment"
vm=vm.$$ bucket=cluster-$$ # Ceph goes as a whole
export part_size=$((32*M))
node='{"driver":"rbd","pool":"rbd","image":"'"$vm"'","snapshot":"now","conf":"'$CEPH_CONF'"}'
disk_and_image disk.raw wanted
rbd import --no-progress disk.raw rbd/$vm
rbd snap create --no-progress rbd/$vm@now
rbd diff --format=json rbd/$vm@now >map.json
"$tool" -q --map map.json --blockdev "$node" >wanted
s3 s3 mb s3://$bucket >/dev/null

begin() { # begin FOLDER
  rm -rf "$1"
  "$cluster/begin" "$1" "$bucket" "$1" --map map.json -- --blockdev "$node"
}
stored() { # stored FOLDER
  [[ $(s3 s3 cp --no-progress "s3://$bucket/$1" - | sha256sum) == "$(sum_of wanted)" ]] || fail "$1 is not the stream"
  s3 s3 rm "s3://$bucket/$1" >/dev/null
}
over() { scontrol -o show job "$1" | finds -E 'JobState=(COMPLETED|FAILED|CANCELLED|TIMEOUT)'; }
wait_over() {
  local n
  for ((n = 0; n < 1500; n++)); do
    ! over "$1" || return 0
    sleep 0.2
  done
  fail "job $1: $(scontrol -o show job "$1")"
}
completed() { # completed FOLDER JOB
  wait_over "$2"
  scontrol -o show job "$2" | finds JobState=COMPLETED || fail "$(cat "$1"/*.log; scontrol -o show job "$2")"
}
scaled() { # scaled WORKERS NAME
  local start=$EPOCHREALTIME job
  begin "w$1"
  job=$("$cluster/slurm" "w$1" "$1")
  completed "w$1" "$job"
  noted "Slurm, $1 workers, $(jq .parts "w$1/upload.json") parts$2" "$(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 1000)) ms"
  stored "w$1"
}
# Without a limit, and each worker held to about a quarter of what the store takes here.
for workers in 1 2 4; do scaled $workers ''; done
export limit_rate=${INTEGRATION_RATE:-12M}
for workers in 1 2 4; do scaled $workers ", $limit_rate a worker"; done

# One is killed: it is made again, and the object is the same.
begin killed
export limit_rate=10M
job=$("$cluster/slurm" killed 4)
engine_of() { pgrep -f -- "--plan $dir/killed/plan .*--part $1/" | head -n 1; }
runs() { engine_of 2 >/dev/null; }
wait_for runs
kill -KILL "$(engine_of 2)"
unset limit_rate
completed killed "$job"
grep -q . killed/part-2.log || fail "nothing is said of the part whose engine was killed"
stored killed

# What is not complete does not become an object.
begin lacking
for number in $(seq 2 "$(jq .parts lacking/upload.json)"); do "$cluster/part" lacking "$number"; done
! "$cluster/complete" lacking 2>lacking.log || fail "it was completed"
grep -q 'part 1 was not sent' lacking.log || fail "said: $(<lacking.log)"
"$cluster/part" lacking 1
sed 's/"md5": "./"md5": "x/' lacking/parts/1.json >changed && cp changed lacking/parts/1.json
! "$cluster/complete" lacking 2>lacking.log || fail "it was completed"
grep -q 'part 1 is not in the store as it was sent' lacking.log || fail "said: $(<lacking.log)"
"$cluster/part" lacking 1
"$cluster/complete" lacking
stored lacking

# GNU parallel over ssh.
ssh-keygen -q -t ed25519 -N '' -f host-key
ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub authorized
cat >sshd.conf <<END
Port 7482
ListenAddress 0.0.0.0
HostKey $dir/host-key
AuthorizedKeysFile $dir/authorized
StrictModes no
PidFile $dir/sshd.pid
UsePAM no
SetEnv PATH=$PATH
END
mkdir -p /run/sshd
"$(type -P sshd)" -f "$dir/sshd.conf" -E sshd.log
end_sshd() { kill "$(<sshd.pid)" 2>/dev/null || true; }
at_exit end_sshd
login="ssh -p 7482 -i $dir/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
hosts=()
for n in 1 2 3 4; do hosts+=("$login 127.0.0.$n"); done
begin parallel
measured 'GNU parallel over ssh, 4 hosts' "$cluster/parallel-ssh" parallel "${hosts[@]}"
[[ $(awk -F '\t' 'NR > 1 { print $2 }' parallel/parts.log | sort -u | wc -l) -gt 1 ]] || fail "one host has done it all"
stored parallel

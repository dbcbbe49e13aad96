#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# slurm.sh up|down FOLDER
#
# A Slurm with a controller and four nodes on this machine, all of it in FOLDER and on 127.0.0.1, without systemd and
# control groups. FOLDER/environment has what its users need in their environment. Needs root.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=daemons.sh
. "$(dirname "$0")/daemons.sh"

down() { end_daemons "$folder"/run/{slurmd.*,slurmctld,munged}.pid; }
if [[ $verb == down ]]; then
    down
    exit
fi

mkdir -p "$folder"
cd "$folder"
mkdir run log state spool spool/n{1..4}
(umask 077 && head -c 1024 /dev/urandom >munge.key)
# `cred_expire`: a job that is repeated waits for that long. `config_overrides`: there are more nodes than processors.
cat >slurm.conf <<END
ClusterName=mini
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=17002
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
AuthInfo=socket=$folder/run/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdPidFile=$folder/run/slurmd.%n.pid
SlurmdLogFile=$folder/log/slurmd.%n.log
SlurmdSpoolDir=$folder/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=1
MailProg=/bin/true
ReturnToService=2
NodeName=n[1-4] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17003-17006] CPUs=1
PartitionName=p Nodes=ALL Default=YES State=UP
END
echo "export SLURM_CONF=$folder/slurm.conf" >environment
# shellcheck source=/dev/null
. ./environment

munged --key-file="$folder/munge.key" --socket="$folder/run/munge.socket" --pid-file="$folder/run/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/state/munge.seed"
controller=$(type -P slurmctld || type -P slurmctld-wlm)
node=$(type -P slurmd || type -P slurmd-wlm)
"$controller" -f "$SLURM_CONF"
for n in n{1..4}; do "$node" -f "$SLURM_CONF" -N "$n"; done
for _ in {1..150}; do
    [[ $(sinfo -h -t idle -o %D) != 4 ]] || exit 0
    sleep 0.2
done
echo "slurm.sh: the nodes are not idle: $(sinfo)" >&2
down
exit 1

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md, README.md: an image or a chain on another host becomes a device here, without a copy of it.
# The host is this one, with an SSH server of the test's own.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img nbdkit sshfs fusermount3 ssh ssh-keygen python3 /usr/sbin/sshd
need_root "an SSH server"
nbdkit ssh --dump-plugin >/dev/null 2>&1 || skip "nbdkit has no plugin for ssh"
[[ -c /dev/fuse ]] || skip "no FUSE"

ssh-keygen -q -t ed25519 -N '' -f host_key
ssh-keygen -q -t ed25519 -N '' -f key
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
echo "[127.0.0.1]:$port $(<host_key.pub)" >known_hosts
# The names of its own directories are those that the server was compiled with.
[[ -d /run/sshd ]] || { mkdir /run/sshd && at_exit rmdir /run/sshd; }
/usr/sbin/sshd -D -e -f /dev/null -o Port="$port" -o ListenAddress=127.0.0.1 -o HostKey="\"$dir/host_key\"" \
  -o PidFile="\"$dir/sshd.pid\"" -o AuthorizedKeysFile="\"$dir/key.pub\"" -o StrictModes=no -o PermitRootLogin=yes \
  -o UsePAM=no -o Subsystem="sftp internal-sftp" 2>sshd.log &
at_exit end_process $!
wait_for test -s sshd.pid
cat >ssh_config <<END
Host backup
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile "$dir/key"
  UserKnownHostsFile "$dir/known_hosts"
END
# Who types the recipe has this in ~/.ssh/config.
stand_in nbdkit <<END
exec $(type -P nbdkit) "\$@" config= host=127.0.0.1 port=$port user=root identity=${dir@Q}/key known-hosts=${dir@Q}/known_hosts
END
stand_in ssh <<<"exec $(type -P ssh) -F ${dir@Q}/ssh_config \"\$@\""

mkdir here srv
truncate -s 9M monday.raw
data monday.raw 0 3*M
cp monday.raw tuesday.raw
data tuesday.raw 4*M 3*M 7
convert monday.raw srv/monday.qcow2
convert tuesday.raw srv/tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw
data device.raw 0 9*M 99 # what the device held before
loop_device device.raw
settings=(host=backup target="$loop")

cd here
run_recipe restore-remote "${settings[@]}" image="$dir/srv/monday.qcow2"
same "$loop" ../monday.raw
run_recipe restore-remote-chain "${settings[@]}" backups="$dir/srv"
same "$loop" ../tuesday.raw
[[ -z $(ls) ]]
run_recipe image-over-ssh "${settings[@]}" image="$dir/srv/monday.qcow2"
same "$loop" ../monday.raw
data ../device.raw 0 9*M 99
run_recipe restore-stream "${settings[@]}" image="$dir/srv/monday.qcow2"
same "$loop" ../monday.raw
[[ -z $(ls) ]]
# Images that arrive: the device is thin, so it has what the disk has.
thin() { (($(stat -c %b ../device.raw) * 512 <= $1 + 128 * K)) || fail "$(stat -c %b ../device.raw) blocks"; }
settings+=(backups="$dir/srv")
data ../device.raw 0 9*M 99
run_recipe stream-full "${settings[@]}"
same "$loop" ../monday.raw
sync ../device.raw
thin 3*M
run_recipe stream-increment "${settings[@]}"
same "$loop" ../tuesday.raw
thin 6*M
data ../device.raw 0 9*M 99
run_recipe stream-chain "${settings[@]}"
same "$loop" ../tuesday.raw
run_recipe stream-check "${settings[@]}"
[[ -z $(ls) ]]
for recipe in stream-full stream-increment stream-chain stream-check; do
  recipe_fails $recipe host=backup target="$loop" backups="$dir/nosuch"
done
for recipe in restore-remote image-over-ssh restore-stream; do
  recipe_fails $recipe "${settings[@]}" image="$dir/srv/nosuch.qcow2"
done
mv ../srv/monday.qcow2 ../srv/elsewhere
recipe_fails restore-remote-chain "${settings[@]}" backups="$dir/srv"
[[ -z $(ls) ]]

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# restic, to the object gateway, and borg, of the mounted image; and what they do where the disk changes.
# shellcheck disable=SC2016  # the command of --run has $image in its environment
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh" || exit 1

need restic borg
disk_and_image disk.raw wanted
need_fuse disk.raw
mkdir at
export RESTIC_REPOSITORY=s3:$S3_ENDPOINT/restic-$$ RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$dir/cache
restic -q init
measured 'restic, of the mounted image, to S3' "$tool" --mount at --name vm.qcow2 --run 'restic -q backup "$image"' disk.raw
restic -q dump latest /at/vm.qcow2 | cmp - wanted
measured 'the same again' "$tool" --mount at --name vm.qcow2 --run 'restic backup "$image"' disk.raw
grep -q '1 unmodified' command.log || fail "restic said: $(<command.log)"

export BORG_REPO=$dir/borg BORG_PASSPHRASE=secret BORG_BASE_DIR=$dir/home
borg init -e repokey-blake2
measured 'borg, of the mounted image' "$tool" --mount at --name vm.qcow2 --run 'borg create ::monday "$image"' disk.raw
borg extract --stdout ::monday | cmp - wanted

# restic takes what it could not read out of the snapshot and says so with status 3, borg with status 1.
for command in 'restic backup "$image"' 'borg create ::tuesday "$image"'; do
  touch disk.raw # another time, so that it is read
  status=0
  "$tool" --mount at --name vm.qcow2 --limit-rate 100M disk.raw \
    --run "(sleep 2; touch disk.raw) & $command; echo \$? >status; exit \$(cat status)" >change.log 2>&1 || status=$?
  [[ $status == 3 && $(<status) != 0 ]] || fail "status $status and $(<status): $command: $(<change.log)"
  grep -qi 'input/output error' change.log || fail "said: $(<change.log)"
done

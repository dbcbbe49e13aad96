# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck source-path=SCRIPTDIR
# shellcheck shell=bash
#
# What the tests with real servers share. scripts/integration has started those, and names their folders. Here nothing is
# skipped: what is missing is a failure.
# shellcheck disable=SC2034,SC2154

# shellcheck source=../lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh" || exit 1
# shellcheck source=../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"
# shellcheck source=../lib/mount.sh
. "$source_root/tests/lib/mount.sh"
skip() { fail "$*"; }
need_root 'real servers'

: "${INTEGRATION_CEPH:?scripts/integration starts the tests}"
# shellcheck source=/dev/null
. "$INTEGRATION_CEPH/environment"
readonly cluster=$source_root/examples/cluster
s3() { aws --endpoint-url "$S3_ENDPOINT" "$@"; }

# A disk of file systems and noise, of $integration_size bytes, and what it is as an image.
integration_size=${INTEGRATION_SIZE:-$((1*G))}
disk_and_image() {
  truncate -s "$integration_size" "$1"
  dd if=/dev/urandom of="$1" bs=1M seek=8 count=$((integration_size / 2 / M)) conv=notrunc status=none
  data "$1" $((integration_size - 9*M)) 8*M
  "$tool" -q "$1" >"$2"
}

# measured NAME COMMAND...: runs it, and a line says how long it took, and how much memory its largest process.
measured() {
  local name=$1 status=0
  shift
  command time -f '%e %M' -o time.log "$@" >command.log 2>&1 || status=$?
  read -r seconds peak < <(tail -n 1 time.log)
  printf 'MEASURED %-62s %8.2f s %6d MiB\n' "$name" "$seconds" "$((peak / 1024))" >>"${INTEGRATION_LOG:-/dev/stdout}"
  [[ $status == 0 ]] || fail "$name: status $status: $(tail -n 20 command.log)"
}
noted() { printf 'MEASURED %-62s %s\n' "$1" "$2" >>"${INTEGRATION_LOG:-/dev/stdout}"; }
sum_of() { sha256sum <"$1"; }

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nginx serves the mounted image: ranges, a download that goes on after a break, and QEMU and nbdkit that read it over
# http.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh" || exit 1

need nginx curl qemu-img nbdkit
disk_and_image disk.raw wanted
need_fuse disk.raw
mounted at --name vm.qcow2 disk.raw
# Nobody but who has mounted it can read it.
cat >nginx.conf <<END
user root;
worker_processes 2;
pid $dir/nginx.pid;
error_log $dir/nginx.log;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:7481;
    root $dir/at;
  }
}
END
nginx -c "$dir/nginx.conf" -e "$dir/nginx.log"
end_nginx() { kill "$(<nginx.pid)" 2>/dev/null || true; }
at_exit end_nginx
url=http://127.0.0.1:7481/vm.qcow2
wait_for curl -sI -o /dev/null "$url"

measured 'curl, of the mounted image, from nginx' curl -sf -o got "$url"
same got wanted
rm got
for range in 0-0 65536-70000 1000000-9999999; do
  curl -sf -r "$range" "$url" -o got
  same got <(part wanted "${range%-*}" "${range#*-}-${range%-*}+1")
done

# A break, and on.
status=0
curl -sf --limit-rate "$((integration_size / 16))" --max-time 2 -o part "$url" || status=$?
[[ $status == 28 ]] || fail "curl's status is $status"
(($(size_of part) > 1*M && $(size_of part) < $(size_of wanted))) || fail "$(size_of part) bytes came"
noted 'curl -C - goes on at' "$(($(size_of part) / M)) of $(($(size_of wanted) / M)) MiB"
curl -sf -C - -o part "$url"
same part wanted

# The recipes.
head -c 30000000 wanted >vm.qcow2.part
run_recipe download url=$url
same vm.qcow2 wanted
run_recipe read-over-http url=$url
grep -q 'file format: qcow2' recipe.log || fail "QEMU said: $(<recipe.log)"
run_recipe restore-over-http url=$url
same vm.raw disk.raw
rm vm.*

# QEMU's own driver, and nbdkit's.
node='{"driver":"qcow2","file":{"driver":"http","url":"'$url'"}}'
measured 'qemu-img compare, over http' qemu-img compare -f raw -F qcow2 disk.raw "json:$node"
# shellcheck disable=SC2016
measured 'qemu-img compare, by way of nbdkit curl' nbdkit -r -U - curl "$url" --run \
  'qemu-img compare -f raw -F qcow2 disk.raw "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"nbd\",\"path\":\"$unixsocket\"}}"'

# A disk that changes: what comes is too short. (What the kernel has kept of the image stays right.)
touch disk.raw
dd if=at/vm.qcow2 iflag=nocache count=0 of=/dev/null status=none
! curl -sf -o cut "$url" || fail "curl has not seen that the disk changed"
fusermount3 -u at || { end_nginx; sleep 0.5; fusermount3 -u at; }
ended
[[ $status == 3 ]] || fail "status $status where the disk changed"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What qemu-img takes in place of a file name gets a hint, unless there is a file of that name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# instead NAME OPTIONS WORDS: the message about NAME says to use WORDS.
instead() {
  # shellcheck disable=SC2086
  expect_status 1 "$tool" $2 "$1"
  expect_messages 1
  [[ ! -s stdout && $(<stderr) == "qcow2-to-stdout: $1: not a file: use $3" ]] || fail "not '$3'"
}

# The whole block node, with the format that was given or that the name ends in.
url='{"driver":"https","url":"https://host/x.qcow2"}'
for options in '' '-f auto' '-f qcow2' '--shallow -f qcow2' '--dirty-bitmap b -f qcow2'; do
  instead https://host/x.qcow2 "$options" "--blockdev '{\"driver\":\"qcow2\",\"file\":$url}'"
done
instead https://host/x.qcow2 '-f vmdk' "--blockdev '{\"driver\":\"vmdk\",\"file\":$url}'"
instead https://host/x.qcow2 '-f raw' "--blockdev '$url'"
instead https://host/x '' "--blockdev '{\"driver\":\"https\",\"url\":\"https://host/x\"}'"
instead "http://host/a \"b\"'c\\.vhd?x=1" '' \
  "--blockdev '{\"driver\":\"vpc\",\"file\":{\"driver\":\"http\",\"url\":\"http://host/a \\\"b\\\"'\\''c\\\\.vhd?x=1\"}}'"

# Each says the same as QEMU's name, and QEMU takes it: whatever fails comes after its members were checked.
need qemu-storage-daemon
echo '{"execute":"qmp_capabilities"}{"execute":"quit"}' >quit
node() {
  instead "$1" '-f raw' "--blockdev '$2'"
  qemu-storage-daemon --blockdev "${2/\{/{\"node-name\":\"n\",\"read-only\":true,}" \
    --chardev stdio,id=c --monitor c <quit >daemon.log 2>&1 || true
  ! grep -Eq "Parameter|Invalid|JSON|expect" daemon.log || fail "QEMU does not take $2: $(<daemon.log)"
}
nowhere=127.0.0.1:1
for protocol in http https ftp ftps; do
  node "$protocol://$nowhere/disk" "{\"driver\":\"$protocol\",\"url\":\"$protocol://$nowhere/disk\"}"
done
node ssh://127.0.0.1/srv/disk '{"driver":"ssh","server":{"host":"127.0.0.1","port":"22"},"path":"/srv/disk"}'
node 'ssh://me:secret@[::1]:1/a%20b' '{"driver":"ssh","server":{"host":"::1","port":"1"},"path":"/a b","user":"me"}'
node rbd:pool/image '{"driver":"rbd","pool":"pool","image":"image"}'
node 'rbd:po\:ol/space/image@snap:id=me:conf=/etc/c.conf:mon_host=x' \
  '{"driver":"rbd","pool":"po:ol","namespace":"space","image":"image","snapshot":"snap","user":"me","conf":"/etc/c.conf"}'
node iscsi://$nowhere/iqn.x/3 \
  '{"driver":"iscsi","transport":"tcp","portal":"127.0.0.1:1","target":"iqn.x","lun":3}'
node 'iser://me%secret@[::1]:1/iqn.x/0' \
  '{"driver":"iscsi","transport":"iser","portal":"[::1]:1","target":"iqn.x","user":"me","lun":0}'
node 'nfs://127.0.0.1/srv/x?uid=5&gid=6' \
  '{"driver":"nfs","server":{"type":"inet","host":"127.0.0.1"},"path":"/srv/x","user":5,"group":6}'
node gluster://$nowhere/volume/dir/x '{"driver":"gluster","volume":"volume","path":"dir/x","server":[{"type":"inet","host":"127.0.0.1","port":"1"}]}'
node 'gluster+unix:///volume/x?socket=/run/x' '{"driver":"gluster","volume":"volume","path":"x","server":[{"type":"unix","path":"/run/x"}]}'
mkdir files
node fat:files '{"driver":"vvfat","dir":"files"}'
node fat:rw:16:files '{"driver":"vvfat","dir":"files","fat-type":16}'
node nvme://0000:01:00.0/1 '{"driver":"nvme","device":"0000:01:00.0","namespace":1}'
expect_status 0 "$tool" --blockdev '{"driver":"vvfat","dir":"files"}' # it works when it is typed

instead 'json:{"driver":"null-co"}' '' "--blockdev '{\"driver\":\"null-co\"}'"
instead nbd:localhost:10809 '' nbd://localhost:10809/
instead nbd:localhost:10809:exportname=a/b '-f raw' nbd://localhost:10809/a/b
instead 'nbd:unix:/run/a socket:exportname=x y' '' "'nbd+unix:///x%20y?socket=/run/a%20socket'"
truncate -s 1M disk.raw
expect_refusal 1 '^qcow2-to-stdout: https://host/x: not a file: serve it with .* NBD URI$' \
  "$tool" --base https://host/x disk.raw
data disk.raw 0 100
convert disk.raw wanted
for name in rbd:x nbd:localhost:10809 'json:{}' fat:x; do
  cp disk.raw "$name"
  convert "$name" image
  same image wanted
done

# A data file needs a disk that others can open by its name.
for option in -d -R --data-file --data-file=x --data-file-raw; do
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option nbd://localhost/
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option -f qcow2 disk.raw
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option --blockdev '{"driver":"null-co"}'
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option -- [ nbdkit null ]
done

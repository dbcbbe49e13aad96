#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Images that refer to a file of this machine or to a server. Without --isolate each attack works, so
# that this test could fail; with it the secret does not appear and nobody connects. Images of qcow2 are
# refused where there is no QEMU at all. Prints a table.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
need_isolation
marker=THIS-IS-THE-SECRET
{ yes $marker || true; } | head -c 1M >secret
mkdir secrets
cp secret secrets/secret.txt
chmod 600 secret

: >connections
python3 "$helpers/listener.py" "$dir/listener" port connections &
at_exit end_process $!
wait_for test -s port
port=$(<port)

count() { wc -l <connections; }
# run ARGUMENT...: whether the program's output holds the secret, or it made a connection.
path=$PATH
leaked=
run() {
  local before
  before=$(count)
  status=0
  timeout 60 env PATH="$path" "$tool" "$@" >stdout 2>stderr || status=$?
  leaked=no
  ! grep -aq $marker stdout || leaked=secret
  (($(count) == before)) || leaked=connection
}

printf '%-31s %-10s %6s %-10s %s\n' image option status leaked message
row() { printf '%-31s %-10s %6s %-10s %s\n' "$1" "$2" "$status" "$leaked" "$(head -n 1 stderr)"; }

mkdir nothing
# attack NAME ARGUMENT...: must work, unless it is fixed in some versions of QEMU, and with --isolate be
# refused with $pattern.
pattern='refers to another file: it is isolated from all of them'
without_qemu=yes
fixed=no
attack() {
  local path=$path
  run "${@:2}"
  row "$1" -
  [[ $leaked != no || $fixed == yes ]] || fail "the attack does not work, so this proves nothing: $1"
  [[ $without_qemu == no ]] || path=$dir/nothing
  run --isolate "${@:2}"
  row "$1" --isolate
  [[ $leaked == no ]] || fail "leaked with --isolate: $1"
  [[ $status == 1 && ! -s stdout ]] || fail "not refused: $1"
  expect_messages 1
  expect_stderr "$pattern"
}
# The same with an image that QEMU reads.
attack_qemu() {
  local pattern=${pattern_qemu:-'QEMU cannot open it: it refers to another file or to a server, and is isolated from them: '}
  without_qemu=no attack "$@"
}

overlay() { qemu-img create -q -u -f "${3:-qcow2}" -b "$2" -F raw "$1" 1M; }

overlay absolute.img "$dir/secret"
attack "backing file, absolute" -f qcow2 absolute.img
attack "the same, format probed" -f auto absolute.img
overlay relative.img secret
attack "backing file, relative" -f qcow2 relative.img
qemu-img create -q -u -f qcow2 -b absolute.img -F qcow2 chain.img 1M
attack "backing file of a backing file" -f qcow2 chain.img
for format in qed qcow; do
  qemu-img create -q -u -f $format -b "$dir/secret" -F raw old.img 1M 2>create.log || continue
  attack_qemu "backing file, $format" -f $format old.img
done
overlay json.img "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"$dir/secret\"}}"
attack "backing file, json: file" -f qcow2 json.img
overlay directory.img "fat:floppy:$dir/secrets"
attack "backing file, fat: directory" -f qcow2 directory.img

overlay nbd.img "nbd://127.0.0.1:$port/"
attack "backing file, nbd://" -f qcow2 nbd.img
attack "the same, of a base" --base nbd.img --base-format qcow2 -f raw secret
overlay nbd-unix.img "nbd+unix:///?socket=$dir/listener"
attack "backing file, nbd+unix://" -f qcow2 nbd-unix.img
server="{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"$port\"}"
overlay json-nbd.img "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"nbd\",\"server\":$server}}"
attack "backing file, json: nbd" -f qcow2 json-nbd.img

# The data file is made with the image, and then becomes the secret.
qemu-img create -q -f qcow2 -o data_file="$dir/data",data_file_raw=on,preallocation=metadata data.img 1M
cp secret data
attack "data file" -f qcow2 data.img
attack "data file, format probed" -f auto data.img
json="json:{\"driver\":\"file\",\"filename\":\"$dir/data\"}"
name=$(printf '%*s' ${#json} '' | tr ' ' n)
qemu-img create -q -f qcow2 -o data_file="$name",data_file_raw=on,preallocation=metadata json-data.img 1M
NAME=$name JSON=$json python3 -c 'import os
image = open("json-data.img", "r+b")
bytes = image.read()
image.seek(bytes.index(os.environ["NAME"].encode()))
image.write(os.environ["JSON"].encode())'
# CVE-2024-4467, as with the server of a vmdk extent below.
fixed=yes attack "data file, json: file" -f qcow2 json-data.img

# vmdk DESCRIPTOR-LINE...
vmdk() {
  printf '%s\n' '# Disk DescriptorFile' version=1 CID=12345678 "${PARENT:-parentCID=ffffffff}" \
    'createType="monolithicFlat"' "$@"
}
vmdk "RW 2048 FLAT \"$dir/secret\" 0" >flat.vmdk
attack_qemu "vmdk extent, absolute" -f vmdk flat.vmdk
vmdk 'RW 2048 FLAT "secret" 0' >relative.vmdk
attack_qemu "vmdk extent, relative" -f vmdk relative.vmdk
vmdk "RW 2048 FLAT \"nbd://127.0.0.1:$port/\" 0" >nbd.vmdk
fixed=yes pattern_qemu='QEMU cannot open it: ' attack_qemu "vmdk extent, nbd://" -f vmdk nbd.vmdk

# A descriptor that whoever started the program left open.
exec 9<secret
overlay descriptor.img /dev/fd/9
attack "backing file, /dev/fd" -f qcow2 descriptor.img
exec 9<&-

# The other server of QEMU's.
if type -P qemu-nbd >/dev/null; then
  mkdir programs
  ln -s "$(type -P qemu-nbd)" "$(type -P qemu-img)" programs/
  path=$dir/programs
  attack "qemu-nbd: backing file" -f qcow2 absolute.img
  attack "qemu-nbd: backing file, nbd://" -f qcow2 nbd.img
  attack "qemu-nbd: data file" -f qcow2 data.img
  attack_qemu "qemu-nbd: vmdk extent" -f vmdk flat.vmdk
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --dirty-bitmap: what a bitmap marks, of an NBD server or kept in an image. A bitmap that is not there is
# refused with the names of those that are.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io qemu-nbd python3
truncate -s 10M base.raw
data base.raw 0 6*M
qemu-img convert -f raw -O qcow2 base.raw live.qcow2
qemu-img bitmap --add -g 64k live.qcow2 step
qemu-io -f qcow2 -c 'write -q -P 3 1M 100k' -c 'write -q -z 2M 1M' -c 'write -q -P 4 9M 512' live.qcow2
qemu-img convert -f qcow2 -O raw live.qcow2 disk.raw

over=(-B base.raw -F raw --dirty-bitmap)
for options in '' '-v 2' '-c 4096' '-c 2M' '--extended-l2' '--scan holes' '--scan none'; do
  # shellcheck disable=SC2086
  convert live.qcow2 image.qcow2 -f qcow2 "${over[@]}" step $options
  check_image image.qcow2 disk.raw
done
convert live.qcow2 wanted -f qcow2 "${over[@]}" step
(($(size_of wanted) == (5 + 3) * 65536))
same wanted <("$tool" -f qcow2 "${over[@]}" qemu:dirty-bitmap:step live.qcow2)
# A server whose holes are not believed: it is asked what has changed, and all of that is data.
same wanted <("$tool" -f qcow2 "${over[@]}" step --no-extents live.qcow2)
convert live.qcow2 image.qcow2 -f qcow2 "${over[@]}" step --no-extents --scan holes
check_image image.qcow2 disk.raw
(($(size_of image.qcow2) == $(size_of wanted) + 16 * 65536))
node='{"driver":"qcow2","file":{"driver":"file","filename":"live.qcow2"}}'
same wanted <("$tool" --blockdev "$node" "${over[@]}" step)

qemu-nbd -r -t -f qcow2 -B step -k "$dir/socket" live.qcow2 2>nbd.log &
at_exit end_process $!
wait_for test -S socket
uri='nbd+unix:///?socket=socket'
for name in step qemu:dirty-bitmap:step; do
  convert "$uri" image "${over[@]}" $name
  same image wanted
done
same wanted <("$tool" "${over[@]}" step [ qemu-nbd -r -f qcow2 -B step live.qcow2 ])
# nbdinfo says the same.
if type -P nbdinfo >/dev/null; then
  nbdinfo --map=qemu:dirty-bitmap:step --json "$uri" >map.json
  same wanted <("$tool" "$uri" -B base.raw -F raw --changed-map map.json)
fi

expect_refusal 1 "^qcow2-to-stdout: nbd\+unix.*socket: .*bitmap 'other'.*'step'" "$tool" "${over[@]}" other "$uri"
expect_refusal 1 "live.qcow2: has no dirty bitmap 'other': there is 'step'" \
  "$tool" -f qcow2 "${over[@]}" other live.qcow2
qemu-img create -q -f qcow2 -b live.qcow2 -F qcow2 top.qcow2
expect_refusal 1 "top.qcow2: has no dirty bitmap 'step': the image has none" \
  "$tool" -f qcow2 "${over[@]}" step top.qcow2
expect_refusal '[12]' 'base:allocation: .*not the name of a dirty bitmap' "$tool" "${over[@]}" base:allocation "$uri"

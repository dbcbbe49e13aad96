#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --changed-map takes what qemu-img, rbd and nbdinfo say, or a plain list, from a file or a pipe, sorted or
# not. What they call zeros takes no space over a backing file, also where it ends within a cluster.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 4M base.raw
data base.raw 0 4*M
cp base.raw disk.raw
data disk.raw 1*M 100000 7
zeros() { dd if=/dev/zero of=disk.raw bs=1 seek=$(($1)) count=$(($2)) conv=notrunc status=none; }
zeros 2*M+1000 300000

end=$((2 * M + 301000))
cat >plain.json <<END
[{"start":1048576,"length":100000},{"offset":2098152,"length":300000}]
END
cat >unsorted.json <<END
[{"start":2098152,"length":300000},{"start":1048576,"length":50000},{"start":1098576,"length":50000,"x":[{}]}]
END
cat >rbd.json <<END
[{"offset":1048576,"length":100000,"exists":"true"},{"offset":2098152,"length":300000,"exists":"false"}]
END
cat >nbdinfo.json <<END
[{"offset":0,"length":1048576,"type":0,"description":"clean"},
 {"offset":1048576,"length":100000,"type":1,"description":"dirty"},
 {"offset":2098152,"length":300000,"type":1,"description":"dirty"}]
END
cat >qemu-img.json <<END
[{"start":0,"length":1048576,"depth":1,"present":true,"zero":false,"data":true,"offset":0},
 {"start":1048576,"length":100000,"depth":0,"present":true,"zero":false,"data":true,"offset":0},
 {"start":2098152,"length":300000,"depth":0,"present":true,"zero":true,"data":false},
 {"start":$end,"length":1000,"depth":0,"present":false,"zero":true,"data":false}]
END
# shapes CLUSTERS-OF-DATA CLUSTERS-OF-ZEROS OPTION...: of every shape, on top of the base.
shapes() {
  local json
  for json in plain unsorted rbd nbdinfo qemu-img; do
    convert disk.raw image.qcow2 --changed-map $json.json -B base.raw -F raw "${@:3}"
    check_image image.qcow2 disk.raw
    same image.qcow2 <("$tool" disk.raw --changed-map <(cat $json.json) -B base.raw -F raw "${@:3}")
    "$tool" disk.raw --changed-map $json.json -B base.raw -F raw "${@:3}" --measure=json >measure.json
    [[ "$(json measure.json clusters data) $(json measure.json clusters zero)" == "$1 $2" ]] ||
      fail "$json ${*:3}: $(<measure.json)"
    convert disk.raw image.qcow2 --changed-map $json.json "${@:3}"
    qemu-img rebase -u -f qcow2 -b base.raw -F raw image.qcow2
    check_image image.qcow2 disk.raw
  done
}
# 100000 bytes touch two clusters of 64 KiB; 300000 cover three and touch two more.
shapes 4 3
shapes 4 3 -v 2
shapes 198 585 -c 512
shapes 198 585 -c 512 -v 2
shapes 7 0 --scan none

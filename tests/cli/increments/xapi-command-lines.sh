#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# xapi's command lines: DISK stands first, device, map and info belong together, and the image has the
# size and the clusters that the info tells. What differs from the base is data, zeros too.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io python3
# source NAME SIZE CLUSTER COMMAND...: NAME.qcow2, what qemu-img says about it, and its content in
# $device, which is larger, as logical volumes are.
source_disk() {
  local name=$1
  qemu-img create -q -f qcow2 -o "cluster_size=$3" "$name.qcow2" "$2"
  qemu-io -f qcow2 "${@:4}" "$name.qcow2" >/dev/null
  qemu-img map --output=json "$name.qcow2" >"$name.map"
  qemu-img info --output=json "$name.qcow2" >"$name.info"
  qemu-img convert -O raw "$name.qcow2" "$name.raw"
  cp "$name.raw" "$name.device"
  truncate -s $((24 * M)) "$name.device"
  data "$name.device" "$2" 8192
  device=$name.device
  [[ $EUID != 0 ]] || { loop_device "$name.device" -r && device=$loop; }
}

# over_base IMAGE BASE DISK: it is DISK on top of BASE.
over_base() {
  qemu-img rebase -u -f qcow2 -b "$2" -F raw "$1"
  check_image "$1" "$3"
}

for cluster in 65536 2097152; do
  for base_size in 16M 10M 20M; do # and the disk has 16 MiB
    source_disk base $((${base_size%M} * M)) $cluster -c 'write -q -P 1 0 4M' -c 'write -q -P 2 6M 3M'
    base=$device
    source_disk disk $((16 * M)) $cluster -c 'write -q -P 1 0 4M' -c 'write -q -P 3 1M 100k' \
      -c 'write -q -z 7M 1M' -c 'write -q -P 4 15M 1M'
    disk=$device
    expect_status 0 "$tool" "$disk" --json-header-map 3 --json-header-info 4 3<disk.map 4<disk.info
    expect_silence
    check_image stdout disk.raw
    "$helpers/l2_entries.py" stdout >entries
    grep -qx "header cluster-size $cluster" entries
    grep -qx "header virtual-size $((16 * M))" entries

    exec 3< <(cat disk.map) 4< <(cat disk.info) 5< <(cat base.map) 6< <(cat base.info)
    expect_status 0 "$tool" "$disk" --diff "$base" --json-header-map 3 --json-header-info 4 \
      --json-header-diff-map 5 --json-header-diff-info 6
    exec 3<&- 4<&- 5<&- 6<&-
    expect_silence
    ! grep -q '^[0-9a-f]* 1$' <("$helpers/l2_entries.py" stdout) || fail "a zero cluster without a backing file"
    over_base stdout base.raw disk.raw
    # -c is stronger than the info.
    [[ $("$tool" "$disk" -c 4096 --json-header-info 4 --measure=json 4<disk.info |
      json /dev/stdin cluster-size) == 4096 ]]
  done
done

# What the info cannot be.
info() { expect_refusal 1 "/dev/fd/4: $1" "$tool" disk.raw --json-header-info 4 4< <(echo "$2"); }
info 'is not the output of qemu-img info' ''
info '.*not a JSON object' '[]'
info ".*no number 'virtual-size'" '{}'
info ".*no number 'virtual-size'" '{"virtual-size":-1}'
info ".*no number 'cluster-size'" '{"virtual-size":512,"cluster-size":"64k"}'
info '.*not a power of two' '{"virtual-size":512,"cluster-size":65537}'
expect_refusal 1 'disk.raw: is too small: it has 16777216 bytes' \
  "$tool" disk.raw --json-header-info 4 4< <(echo '{"virtual-size":16777728}')
for option in map info diff-map diff-info; do
  expect_refusal 2 "json-header-$option: '9' is not an open" "$tool" disk.raw --json-header-$option 9
done

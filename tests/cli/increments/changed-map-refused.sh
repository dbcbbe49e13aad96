#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A list of changes that cannot be one is refused before the first byte, with the place.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
# refused PATTERN JSON: from a file and from a pipe.
refused() {
  printf '%s' "$2" >list.json
  expect_refusal 1 "^qcow2-to-stdout: list\.json: $1" "$tool" --changed-map list.json disk.raw
  expect_refusal 1 "^qcow2-to-stdout: /dev/fd/[0-9]+: $1" "$tool" --changed-map <(printf '%s' "$2") disk.raw
}
# qemu_img KEYS PATTERN: an entry of qemu-img map.
qemu_img() { refused "entry 1 \(offset 0, length 512\): $2" "[{\"start\":0,\"length\":512,$1}]"; }
# nbdinfo DESCRIPTION
nbdinfo() {
  refused "entry 2 \(offset 512, length 512\): '$1' is not of a dirty bitmap" \
    '[{"offset":0,"length":512,"type":0,"description":"clean"},
      {"offset":512,"length":512,"type":3,"description":"'"$1"'"}]'
}

refused 'byte 1: is not JSON: ' ''
refused 'is not a list of clusters: has no data_clusters' '{"offset":0}'
refused 'entry 1: has no length' '[{"start":0}]'
refused 'entry 2 \(offset 4, length 9\): overlaps' '[{"start":0,"length":5},{"start":4,"length":9}]'
refused 'entry 1 \(offset 1048575, length 2\): ends past the end of disk\.raw' '[{"start":1048575,"length":2}]'
refused 'entry 1 \(offset 0, length 2097152\): ends past the end' '[{"offset":0,"length":2097152,"exists":"true"}]'
qemu_img '"zero":false,"data":true' 'does not say whether it is present and in which layer.*6\.1'
qemu_img '"zero":false,"data":true,"present":true' 'does not say .* in which layer'
qemu_img '"zero":false,"data":true,"depth":0' 'does not say whether it is present'
qemu_img '"zero":false,"data":false,"present":false,"depth":0' 'neither present nor zeros: .*x-dirty-bitmap.*--dirty-bitmap'
for word in data hole zero hole,zero local backing unallocated ''; do nbdinfo "$word"; done
expect_refusal 1 'nosuch: cannot be opened' "$tool" --changed-map nosuch disk.raw

# Zeros behind the end change nothing, and no form has to list the whole disk.
for list in '[]' '[{"offset":1048576,"length":2097152,"exists":"false"}]' \
  '[{"offset":5,"length":6,"type":0,"description":"clean"}]' \
  '[{"start":9,"length":512,"depth":1,"present":true,"zero":false,"data":true}]'; do
  [[ $("$tool" --measure=size disk.raw --changed-map <(echo "$list")) == $((4 * 65536)) ]] || fail "$list"
done

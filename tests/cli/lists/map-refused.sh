#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A map that cannot be true is refused before the first byte, with the place.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw

# refused PATTERN JSON...: from a file and from a pipe.
refused() {
  printf '%s' "$2" >map.json
  expect_refusal 1 "^qcow2-to-stdout: map\.json: $1" "$tool" --map map.json disk.raw
  expect_refusal 1 "^qcow2-to-stdout: /dev/fd/[0-9]+: $1" "$tool" --map <(printf '%s' "$2") disk.raw
}

refused 'byte 1: is not JSON: ' ''
refused 'byte 1: is not JSON: ' 'Offset          Length          Mapped to       File'
refused 'byte 48: is not JSON: ' '[{"start":0,"length":5},{"start":5,"length":5},]'
refused 'byte [0-9]+: is not a list of runs: ' '"exports"'
refused 'is not a list of clusters: has no data_clusters' '{"exports":[]}'
refused 'entry 2 \(offset 1048576, length 65536\): ends past the end of disk\.raw' \
  '{"cluster_bits":16,"data_clusters":[[0,15],[16,16]]}'
refused 'entry 2: ' '[{"start":0,"length":5},7]'
refused 'entry 1: has no length' '[{"start":0}]'
refused 'entry 1: start -1 is negative' '[{"start":-1,"length":5}]'
refused 'entry 1: length 5\.5 ' '[{"start":0,"length":5.5}]'
refused 'entry 1: length must not be a string' '[{"start":0,"length":"5"}]'
refused 'entry 3 \(offset 65536, length 4096\): overlaps the one before' \
  '[{"start":0,"length":5},{"start":65535,"length":5},{"start":65536,"length":4096}]'
refused 'entry 3 \(offset 4, length 2\): overlaps ' \
  '[{"start":65536,"length":5},{"start":0,"length":5},{"start":4,"length":2}]'
refused 'entry 2 \(offset 1048000, length 577\): ends past the end of disk\.raw \(1048576 bytes\)' \
  '[{"start":0,"length":5},{"offset":1048000,"length":577}]'
refused 'entry 2 \(offset 4, length 1048572\): neither present nor zeros: .*x-dirty-bitmap' \
  '[{"start":0,"length":4,"present":true,"zero":false,"data":true},
    {"start":4,"length":1048572,"present":false,"zero":false,"data":false}]'
refused 'ends at offset 1048575: ' '[{"start":0,"length":1048575,"zero":true,"data":false}]'
refused 'offset 5, length 10: is not listed' \
  '[{"offset":0,"length":5,"type":0,"description":"data"},
    {"offset":15,"length":1048561,"type":3,"description":"hole,zero"}]'

expect_refusal 1 'nosuch.json: cannot be opened: no such file' "$tool" --map nosuch.json disk.raw
expect_refusal 1 '\.: .*is a directory' "$tool" --map . disk.raw

# A command line that makes no sense.
echo '[]' >map.json
for options in '--scan none' --allocated --no-extents -R; do
  # shellcheck disable=SC2086
  expect_refusal 2 '--map: not together with .*' "$tool" --map map.json $options disk.raw
done
expect_refusal 2 '--map: needs a value' "$tool" disk.raw --map

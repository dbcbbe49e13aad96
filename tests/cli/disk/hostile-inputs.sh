#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sizes and maps that nobody can mean end in an error, in bounded time and memory. Prints a table.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

! sanitized || skip "sanitizers take memory"
need qemu-img

printf '%-38s %6s  %s\n' input status message

# refused NAME PATTERN ARGUMENT...: with 600 MB of address space and 60 seconds of a processor.
refused() {
  status=0
  (
    ulimit -v 600000 -t 60
    exec timeout 240 "$tool" "${@:3}" >stdout 2>stderr
  ) || status=$?
  printf '%-38s %6s  %s\n' "$1" "$status" "$(<stderr)"
  [[ $status == 1 && ! -s stdout ]] || fail "not refused: $1"
  expect_messages 1
  expect_stderr "$2"
  (($(size_of stderr) < 1000)) || fail "a message of $(size_of stderr) bytes"
}

# Whole maps come from a file and through a pipe.
truncate -s 1G disk.raw
map() {
  printf '%s' "$3" >map.json
  refused "$1" "^qcow2-to-stdout: map\.json: $2" --scan holes --map map.json disk.raw
  refused "$1, piped" "^qcow2-to-stdout: /dev/fd/[0-9]+: $2" --scan holes --map <(printf '%s' "$3") disk.raw
}
# Endless ones only come through a pipe: the first line, and the second one again and again.
endless() {
  refused "$1" "^qcow2-to-stdout: /dev/fd/[0-9]+: $2" --scan holes "${@:5}" \
    --map <({ echo "$3" && yes "$4"; } 2>/dev/null || true) disk.raw
}
entry='{"start":0,"length":1}'
# repeated TEXT TIMES
repeated() { { yes "$1" || true; } | head -n "$2" | tr -d '\n'; }

map "nested lists" 'entry 1: is a list' "$(repeated '[' 1000000)"
map "nested values" 'byte [0-9]+: .*nested deeper than' "[{\"x\":$(repeated '[' 1000000)"
map "nested objects" 'byte [0-9]+: .*nested deeper than' "[$(repeated '{"x":' 1000000)"
map "a number of a million digits" 'byte [0-9]+: is not JSON: number overflow' \
  "[{\"start\":0,\"length\":$(repeated 9 1000000)}]"
map "a number of two million digits" 'byte [0-9]+: more than' "[{\"start\":0,\"length\":$(repeated 9 2000000)}]"
map "2^63" 'entry 1: length 9223372036854775808 is not below' '[{"start":0,"length":9223372036854775808}]'
map "2^64" 'entry 1: length 18446744073709551616 is not a whole' '[{"start":0,"length":18446744073709551616}]'
map "an end over 2^63" 'entry 1 .*: ends past the end' \
  '[{"start":9223372036854775807,"length":9223372036854775807}]'
map "1e400" 'byte [0-9]+: is not JSON' '[{"start":0,"length":1e400}]'
map "NaN" 'byte [0-9]+: is not JSON' '[{"start":0,"length":NaN}]'
map "-0.0" 'entry 1: length -0\.0 is not a whole' '[{"start":0,"length":-0.0}]'
map "a key twice" 'entry 1: length is there twice' '[{"start":0,"length":1,"length":2}]'
map "not UTF-8" 'byte [0-9]+: is not JSON' $'[{"start":0,"length":1,"x":"\xff\xfe"}]'
map "not UTF-8, overlong" 'byte [0-9]+: is not JSON' $'[{"start":0,"length":1,"x":"\xc0\x80"}]'
map "control characters" 'byte [0-9]+: is not JSON' $'[{"start":0,"length":1,"x":"\x1b[31m"}]'
map "a string of two megabytes" 'byte [0-9]+: more than' "[{\"start\":0,\"x\":\"$(repeated x 2000000)\"}]"
map "no end" 'byte [0-9]+: is not JSON' "[$entry"
map "something behind it" 'byte [0-9]+: is not JSON' "[$entry]]"

endless "spaces without end" 'byte [0-9]+: more than' '[' ' '
endless "lists without end" 'entry 1: is a list' '[' '[],'
endless "one entry without end" 'entry 1: has more than' '[{' '"x":1,'
endless "values in it without end" 'entry 1: has more than' '[{"x":[' '1,'
endless "nulls in it without end" 'byte [0-9]+: more than' '[{"x":[' 'null,'
endless "the same entry without end" 'entry 2 .*: overlaps' '[' "$entry,"
endless "empty entries without end" 'entry 4194305 .*: .*nothing about the disk' '[' '{"start":0,"length":0},'
endless "more than 2^24 that are not sorted" 'entry 16777217 .*: the map has more than 16777216 entries' \
  '[' '{"start":8,"length":1},{"start":0,"length":1},'
refused "zeros without end" '^qcow2-to-stdout: /dev/zero: byte 1: is not JSON' --map /dev/zero disk.raw
refused "noise without end" '^qcow2-to-stdout: /dev/urandom: byte [0-9]+: is not ' --map /dev/urandom disk.raw
refused "the same, changed" '^qcow2-to-stdout: /dev/zero: byte 1: is not JSON' \
  -B x -F raw --changed-map /dev/zero disk.raw

# What xapi passes.
info() {
  refused "info: $1" "^qcow2-to-stdout: /dev/fd/3: $2" --json-header-info 3 disk.raw 3< <(printf '%s' "$3")
}
wrong='is not the output of qemu-img info --output=json: '
info "nested lists" "$wrong" "{\"x\":$(repeated '[' 1000000)"
info "nested objects" "$wrong" "$(repeated '{"x":' 1000000)"
info "2^64" "$wrong" '{"virtual-size":18446744073709551616}'
info "a negative size" "$wrong" '{"virtual-size":-1}'
info "not UTF-8" "$wrong" $'{"virtual-size":1,"x":"\xff"}'
refused "info: zeros without end" "^qcow2-to-stdout: /dev/fd/3: $wrong" --json-header-info 3 disk.raw 3</dev/zero

# Sizes: of a file, an image and a server.
if truncate -s 2E huge.raw 2>truncate.log; then
  refused "a file of 2 EiB" 'huge.raw: does not fit into a qcow2 image: .* use a cluster size' huge.raw
  rm huge.raw
fi
qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 8P
refused "an image of 8 PiB" 'huge.qcow2: does not fit into a qcow2 image: .* use a cluster size' -f qcow2 huge.qcow2
# The servers run outside the limit: nbdkit starts sixteen threads for each connection, whose stacks may not fit.
if type -P nbdkit >/dev/null; then
  for size in 2E 4E 9223372036854775807; do
    serve socket.$size memory $size
    refused "a server of $size" 'does not fit into a qcow2 image' "nbd+unix:///?socket=socket.$size"
  done
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Progress and the report end with success only; --quiet and --verbose.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 16M disk.raw
data disk.raw 0 16*M
"$tool" --digest sha256=sums disk.raw >image.qcow2
size=$(size_of image.qcow2)

# rises FILE: lines N/100 that never go down.
rises() {
  grep -Evx '[0-9]+/100' "$1" && fail "another line"
  sort -n -c "$1" || fail "$(<"$1")"
}
from_pipe image.qcow2 --size "$size" --progress=3 a.raw 3>lines
rises lines
[[ $(tail -n 1 lines) == 100/100 ]]
"$from_stdin" -i image.qcow2 --progress=3 b.raw 3>lines
rises lines
[[ $(tail -n 1 lines) == 100/100 ]]
from_pipe image.qcow2 --progress=3 --check 3>lines
[[ $(tail -n 1 lines) == 100/100 ]]
head -c 5M image.qcow2 >cut.qcow2
expect_status 3 from_pipe cut.qcow2 --progress=3 c.raw 3>lines
! grep -q 100/100 lines || fail "100/100 after a failure"

from_pipe image.qcow2 --report=report --expect-digest sha256=sums c.raw
head -n 1 report >plan
[[ $(json plan event) == plan && $(json plan virtual-size) == $((16 * M)) && $(json plan target) == c.raw ]] || fail "$(<plan)"
[[ $(json plan image) == 'standard input' ]]
tail -n 1 report >end
[[ $(json end event) == end && $(json end status) == 0 && $(json end bytes) == $((16 * M)) ]] || fail "$(<end)"
[[ $(json end digests sha256 hex) == "$(sha256sum image.qcow2 | cut -d' ' -f1)" ]]
expect_status 3 from_pipe cut.qcow2 --report=report d.raw
tail -n 1 report >end
[[ $(json end event) == end && $(json end status) == 3 ]] || fail "$(<end)"
json end message | finds 'd.raw is unchanged'

expect_status 0 from_pipe image.qcow2 -p e.raw
expect_stderr '100%'
expect_status 0 from_pipe image.qcow2 -p -q f.raw
expect_silence
expect_status 0 from_pipe image.qcow2 --verbose g.raw
expect_stderr 'g.raw: a disk of 16777216 bytes: '
for file in a b c e f g; do same $file.raw disk.raw; done

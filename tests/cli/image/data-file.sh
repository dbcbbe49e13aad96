#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -d: the image describes the disk, which stays where it is; entries hold guest offsets.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 5000001 disk.raw
data disk.raw 70*K 200*K
data disk.raw 5000000 1
cp disk.raw 'name with spaces,and=signs.raw'
for options in '' '-c 1024' '-c 4096 -r 1' '-c 2M' '--scan none'; do
  # shellcheck disable=SC2086
  convert disk.raw image -d $options
  check_image image disk.raw
  "$helpers/l2_entries.py" image >entries
  grep -qx "extension 44415441 b'disk.raw'" entries
  grep -qx 'header incompatible 4' entries
  grep -qx 'header autoclear 0' entries
  # Each entry: the guest's own offset and the flag COPIED; a cluster has one where it has data.
  python3 - <<'EOF'
entries = [line.split() for line in open("entries") if line.split()[0] not in ("header", "extension")]
assert entries
for guest, entry in entries:
    assert int(entry, 16) == int(guest, 16) | 1 << 63, (guest, entry)
EOF
  # shellcheck disable=SC2086
  "$tool" $options --measure=json disk.raw >measure.json
  [[ $(grep -c '^[0-9a-f]* [0-9a-f]*$' entries) == $(json measure.json clusters data) ]]
  # shellcheck disable=SC2086
  [[ $(size_of image) == $("$tool" -d $options --measure=size disk.raw) ]]
done

convert disk.raw image --data-file='name with spaces,and=signs.raw' -c 64k
grep -qa 'name with spaces,and=signs.raw' image
check_image image disk.raw
mv 'name with spaces,and=signs.raw' elsewhere
! qemu-img compare -q -f raw -F qcow2 disk.raw image 2>compare.log || fail "no use of the data file"

mkdir sub
cp disk.raw sub/
convert sub/disk.raw image -d
"$helpers/l2_entries.py" image >entries
grep -qx "extension 44415441 b'sub/disk.raw'" entries
check_image image disk.raw

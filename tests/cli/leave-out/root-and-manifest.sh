#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The root and the manifest are of what the image holds, and the manifest lists what was left out.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"

# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

deleted='2*M' aged_ext4 disk.raw 24M
convert disk.raw image.qcow2 --leave-out free --save-manifest manifest
restored image.qcow2
[[ $(root_in manifest restored.raw) == "$("$tool" --leave-out free --measure=root disk.raw)" ]] || fail "another root"
[[ $(root_of restored.raw) == "$(root_in manifest)" ]] || fail "another root than that of the restored disk"
[[ $(root_of disk.raw) != "$(root_in manifest)" ]] || fail "the root of the disk"

# Compressed, it is of the same content.
convert disk.raw compressed.qcow2 --leave-out free --compress --save-manifest compressed
same compressed manifest

# What is listed is zeros in the image, and is all that was left out.
python3 "$helpers/manifest.py" left-out manifest >ranges
[[ -s ranges ]] || fail "nothing is listed"
[[ $(awk '{ n += $2 } END { print n }' ranges) == "$(left_out_of disk.raw)" ]] || fail "is not what was left out"
python3 -c 'import sys
with open("restored.raw", "rb") as disk:
    for begin, length in (map(int, line.split()) for line in open("ranges")):
        disk.seek(begin)
        if any(disk.read(length)):
            sys.exit(f"{begin} is not zeros")' || fail "what is listed is not zeros"

# The other half takes it, and can say that the content is right.
expect_status 0 "$from_stdin" --manifest manifest out.raw <image.qcow2
same out.raw restored.raw

# Without it, nothing is said about it.
convert disk.raw image.qcow2 --save-manifest manifest
[[ -z $(python3 "$helpers/manifest.py" left-out manifest) ]] || fail "something is listed"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: lists of other stacks, in the words that they have there.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img jq python3
truncate -s 16M monday.raw
data monday.raw 0 10*M
cp monday.raw tuesday.raw
data tuesday.raw 0 1*M 7
data tuesday.raw 12*M 4096
convert monday.raw monday.qcow2
changed=$((17 * 65536)) # in the increment

# Two answers.
cat >areas.json <<'END'
{"startOffset": 0, "length": 8388608, "changedArea": [{"start": 0, "length": 1048576}]}
{"startOffset": 8388608, "length": 8388608, "changedArea": [{"start": 12582912, "length": 65536}]}
END
recipe_fails list-vmware disk=nosuch.raw
[[ ! -e tuesday.qcow2 ]]
run_recipe list-vmware disk=tuesday.raw
check_chain tuesday.qcow2 tuesday.raw
holds() {
  "$tool" -f qcow2 --shallow -B monday.qcow2 -F qcow2 --measure=json "$1" >held.json
  (($(json held.json clusters data) * 65536 == changed)) || fail "$(<held.json)"
}
holds tuesday.qcow2

# Blocks 16 to 19 are not in the second snapshot any more.
dd if=/dev/zero of=tuesday.raw bs=1M seek=8 count=2 conv=notrunc status=none
cat >blocks.json <<'END'
{"ChangedBlocks": [
    {"BlockIndex": 0, "FirstBlockToken": "AAUB", "SecondBlockToken": "AAUC"},
    {"BlockIndex": 1, "FirstBlockToken": "AAUD", "SecondBlockToken": "AAUE"},
    {"BlockIndex": 16, "FirstBlockToken": "AAUF"}, {"BlockIndex": 17, "FirstBlockToken": "AAUG"},
    {"BlockIndex": 18, "FirstBlockToken": "AAUH"}, {"BlockIndex": 19, "FirstBlockToken": "AAUI"},
    {"BlockIndex": 24, "SecondBlockToken": "AAUJ"}],
  "ExpiryTime": 1592976647.009, "VolumeSize": 1, "BlockSize": 524288}
END
rm tuesday.qcow2
run_recipe list-ebs-changed disk=tuesday.raw
check_chain tuesday.qcow2 tuesday.raw
holds tuesday.qcow2

# All that the second one has.
python3 - <<'END' >blocks.json
import json
print(json.dumps({"Blocks": [{"BlockIndex": i, "BlockToken": "AAUB"} for i in [*range(16), 24]],
                  "VolumeSize": 1, "BlockSize": 524288}))
END
run_recipe list-ebs disk=tuesday.raw
check_image monday.qcow2 tuesday.raw
convert monday.raw monday.qcow2

# Messages one by one, or as a list of them.
cp monday.raw tuesday.raw
data tuesday.raw 0 1*M 7
data tuesday.raw 12*M 4096
first='{"block_metadata_type":1,"volume_capacity_bytes":16777216,"block_metadata":[{"size_bytes":1048576}]}'
second='{"blockMetadataType":"VARIABLE_LENGTH","blockMetadata":[{"byteOffset":"12582912","sizeBytes":"4096"}]}'
for messages in "$first$second" "[$first,$second]"; do
  printf '%s' "$messages" >metadata.json
  rm -f tuesday.qcow2
  run_recipe list-csi disk=tuesday.raw
  check_chain tuesday.qcow2 tuesday.raw
  holds tuesday.qcow2
done

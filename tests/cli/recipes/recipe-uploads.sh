#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/uploads.md: digests, commands that store, resumed uploads, and ranges that are sent at one time.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img jq python3 sha256sum
truncate -s 12M disk.raw
data disk.raw 0 7*M
convert disk.raw wanted
disk=$dir/disk.raw

# A host is a directory. What it has been sent is its own: the connection may break.
stand_in ssh <<'END'
cd "$1"
shift
if [[ -e break && $* == *'cat >'* ]]; then
  rm break
  head -c 3000000 | bash -c "$*"
  exit 255
fi
exec bash -c "$*"
END
# A bucket is a directory, too, in which objects appear as a whole.
stand_in aws <<'END'
case "$1 $2" in
  's3 cp')
    [[ $3 == - && $5 == --expected-size && $7 == --checksum-algorithm && $8 == CRC64NVME ]]
    [[ ! -e old-cli ]] || { echo "Invalid choice" >&2 && exit 252; }
    object=${4#s3://}
    cat >"$object.upload"
    [[ $(stat -c %s "$object.upload") == "$6" ]]
    mv "$object.upload" "$object"
    ;;
  's3api head-object')
    [[ ! -e old-store ]] || { echo '{"ETag": "x"}' && exit; }
    python3 - "$6/$8" <<'PYTHON'
import base64, json, sys
table = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x9a6c9329ac4bc9b5 if byte & 1 else 0)
    table.append(byte)
crc = (1 << 64) - 1
for byte in open(sys.argv[1], "rb").read():
    crc = crc >> 8 ^ table[(crc ^ byte) & 255]
crc ^= (1 << 64) - 1
print(json.dumps({"ChecksumCRC64NVME": base64.b64encode(crc.to_bytes(8, "big")).decode()}))
PYTHON
    ;;
  *) exit 1 ;;
esac
END

# stored FILE: it is the image, and is gone.
stored() {
  same "$1" wanted
  [[ ! -e $1.part ]] || fail "$1.part is still there"
  rm "$1"
}

mkdir here host bucket
cd here
run_recipe digest disk="$disk"
cd "$dir"
stored here/vm.qcow2

for recipe in digest-there run-ssh; do
  run_recipe $recipe disk="$disk" host=host
  stored host/vm.qcow2
done
run_recipe run disk="$disk"
stored vm.qcow2
run_recipe run-s3 disk="$disk" bucket=bucket
stored bucket/vm.qcow2

# Never "stored" where nothing was, or where it cannot be known.
for old in cli store; do
  touch old-$old
  recipe_fails run-s3 disk="$disk" bucket=bucket
  ! grep -qw stored recipe.log || fail "it said so: $(<recipe.log)"
  rm -f old-$old bucket/*
done

# Broken off and gone on with.
: >host/break
recipe_fails start disk="$disk" host=host
(($(size_of host/vm.qcow2.part) == 3000000))
run_recipe resume disk="$disk" host=host
stored host/vm.qcow2
cp wanted host/vm.qcow2.part
run_recipe resume disk="$disk" host=host
stored host/vm.qcow2

run_recipe start disk="$disk" host=host
stored host/vm.qcow2

for n in 1 3 8; do
  data host/vm.qcow2.part 0 9*M # what is left of an earlier attempt is longer
  run_recipe ranges disk="$disk" host=host n=$n
  stored host/vm.qcow2
done

# What does not arrive is not stored.
fails() {
  recipe_fails "$1" disk="${disk_that_fails-$disk}" host=host bucket=bucket n=4
  [[ -z $(find host bucket here -name vm.qcow2) && ! -e vm.qcow2 ]] || fail "$1 stored a broken image"
  rm -f host/* bucket/*
}
# The connection breaks.
for recipe in digest-there run-ssh resume; do
  cp wanted host/vm.qcow2.part
  truncate -s 1M host/vm.qcow2.part
  : >host/break
  fails $recipe
done
# Or the disk is another one than that of vm.id.
cp wanted host/vm.qcow2.part
truncate -s 1M host/vm.qcow2.part
touch disk.raw
fails resume
# Or it cannot be read to its end.
loop_device disk.raw -r
truncate -s 5M disk.raw
disk_that_fails=$loop
for recipe in digest digest-there run run-ssh run-s3 start ranges; do
  cp wanted vm.qcow2 && sha256sum --tag vm.qcow2 >vm.qcow2.sha256 # of the night before
  recipe_fails $recipe disk="$loop" host=host bucket=bucket n=4
  rm vm.qcow2
  fails $recipe
done

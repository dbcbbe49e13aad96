#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make.sh: makes the file systems of this folder anew. Small ones, most without checksums, so that changes get far.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"
export PATH=$PATH:/usr/sbin:/sbin E2FSPROGS_FAKE_TIME=1700000000
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
mkdir -p "$work/files/folder"
for i in 1 2 3 4 5 6; do
    head -c $((i * 9000)) /dev/zero | tr '\0' x >"$work/files/$i"
done
ln -s target "$work/files/folder/link"
export uuid=01234567-89ab-cdef-0123-456789abcdef

# ext NAME SIZE OPTION...
ext() {
    local name=$1 size=$2
    shift 2
    mke2fs -q -F -U $uuid -E hash_seed=$uuid,root_owner=0:0 -d "$work/files" "$@" "$work/$name" "$size" >/dev/null
    debugfs -w -R 'rm /4' "$work/$name" 2>/dev/null
}
keep() { gzip -9nc "$work/$1" >"$1.gz"; }

ext ext2 512k -t ext2 -b 1024 -O ^resize_inode -N 32
ext ext3 4M -t ext3 -b 1024 -N 32 -J size=1
ext ext4-blocks 1M -t ext4 -b 1024 -O ^metadata_csum,^has_journal,^64bit -N 32 -g 512
ext ext4-checksums 1M -t ext4 -b 1024 -O ^has_journal -N 32
ext ext4-clusters 2M -t ext4 -b 1024 -O bigalloc,^has_journal,^metadata_csum -C 4096 -N 32
ext ext4-journal 4M -t ext4 -b 1024 -O ^metadata_csum,^64bit -N 32 -J size=1
head -c 1024 /dev/zero | tr '\0' '\377' >"$work/block"
for name in ext3 ext4-journal; do
    bitmap=$(dumpe2fs "$work/$name" 2>/dev/null | sed -n 's/^  Block bitmap at \([0-9]*\).*/\1/p' | head -n 1)
    dd if="$work/$name" of="$work/bitmap" bs=1024 skip="$bitmap" count=1 status=none
    printf 'jo\njw -b %s %s\njw -b %s %s\njw -b 1200 -r 1201 %s\njc\n' "$bitmap" "$work/block" "$bitmap" "$work/bitmap" \
        "$work/block" >"$work/commands"
    debugfs -w -f "$work/commands" "$work/$name" >/dev/null 2>&1
done
for name in ext2 ext3 ext4-blocks ext4-checksums ext4-clusters ext4-journal; do keep "$name"; done

# shorten NAME: takes from each entry of the table of capital letters its number, since the table does not compress, and
# says behind the end where it is (file_system.h undoes this).
shorten() {
    python3 - "$work/$1" <<'END'
import array, struct, sys

with open(sys.argv[1], "rb") as file:
    image = file.read()
at = image.index(struct.pack("<64H", *range(64)))
table = array.array("H", image[at:at + 131072])
for i in range(65536):
    table[i] = (table[i] - i) % 65536
with open(sys.argv[1], "wb") as file:
    file.write(image[:at] + table.tobytes() + image[at + 131072:] + struct.pack("<I", at))
END
}

# ntfs NAME SIZE OPTION...
ntfs() {
    local name=$1 size=$2
    shift 2
    truncate -s "$size" "$work/$name"
    mkntfs -q -F -Q -T "$@" "$work/$name" >/dev/null 2>&1
    for i in 1 2 3 5 6; do ntfscp -fq "$work/$name" "$work/files/$i" "$i" >/dev/null; done
    ntfscp -fq "$work/$name" "$work/files/6" pagefile.sys >/dev/null
    shorten "$name"
    keep "$name"
}
ntfs ntfs-512 2M -c 512
ntfs ntfs-4096 2M -c 4096
ls -l

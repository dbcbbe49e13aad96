# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of --leave-out share.

need qemu-img python3
need_isolation

# aged_ext4 FILE SIZE [OPTION...]: a file system of mke2fs with these options, with the files of `tree` and the rests of
# files that were deleted.
aged_ext4() {
  local file=$1 size=$2
  shift 2
  need mke2fs debugfs
  rm -rf tree
  mkdir -p tree/sub
  seq 1 200000 >tree/large
  seq 5 90000 >tree/sub/kept
  data tree/deleted 0 "${deleted:-6*M}" 7
  data tree/sub/deleted-too 0 3*M 11
  mke2fs -q -F -t ext4 "$@" -d tree "$file" "$size" >mke2fs.log 2>&1 || fail "mke2fs: $(<mke2fs.log)"
  debugfs -w -f - "$file" >debugfs.log 2>&1 <<<$'rm deleted\nrm sub/deleted-too' || fail "debugfs: $(<debugfs.log)"
  rm tree/deleted tree/sub/deleted-too
}

# restored IMAGE: it as the raw disk `restored.raw`, which is sound.
restored() {
  qemu-img check -q -f qcow2 "$1" >check.log 2>&1 || fail "qemu-img check: $(<check.log)"
  qemu-img convert -f qcow2 -O raw "$1" restored.raw
}

# has_tree FILE [OFFSET]: the ext4 file system there is clean and has the files of `tree`.
has_tree() {
  local file=$1
  if [[ -n ${2:-} ]]; then
    tail -c "+$(($2 + 1))" "$1" >volume.raw
    file=volume.raw
  fi
  e2fsck -fn "$file" >e2fsck.log 2>&1 || fail "e2fsck: $(<e2fsck.log)"
  rm -rf dumped
  mkdir dumped
  debugfs -R "rdump / dumped" "$file" >debugfs.log 2>&1
  rm -rf dumped/lost+found
  diff -r tree dumped || fail "other files"
}

# shellcheck disable=SC2154  # tool is that of lib.sh
# left_out_of DISK OPTION...: how many bytes --measure says are left out as free.
left_out_of() {
  "$tool" --measure=json --leave-out free "${@:2}" "$1" >left-out.json
  json left-out.json left-out free
}

# found FILE N KEY: what --measure=json says of the N-th volume.
found() {
  python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["left-out"]["file-systems"][int(sys.argv[2])].get(sys.argv[3], ""))' "$@"
}

# only_left_out DISK RESTORED: they are the same but for sectors that are zeros in RESTORED.
only_left_out() {
  python3 -c 'import sys
zeros = bytes(512)
with open(sys.argv[1], "rb") as disk, open(sys.argv[2], "rb") as restored:
    while True:
        a, b = disk.read(1 << 20), restored.read(1 << 20)
        if a == b:
            if not a:
                break
            continue
        for at in range(0, max(len(a), len(b)), 512):
            if a[at : at + 512] != b[at : at + 512] and b[at : at + 512] != zeros:
                sys.exit("other bytes")' "$@" || fail "$1 and $2 differ where nothing was left out"
}

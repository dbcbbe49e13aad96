#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU finds no error in an image of a file system, for every cluster size, refcount width and version.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img
ext4_disk disk.raw 8M
for cluster_bits in {9..21}; do
  for kind in '-v 2' '-r 1' '-r 2' '-r 4' '-r 8' '-r 16' '-r 32' '-r 64'; do
    # shellcheck disable=SC2086
    convert disk.raw image -c $((1 << cluster_bits)) $kind
    check_image image disk.raw
    qemu-img info --output=json -f qcow2 image >info.json
    [[ $(tr -d ' \n' <info.json) == *"\"cluster-size\":$((1 << cluster_bits)),"* ]]
    case $kind in
      '-v 2') grep -q '"compat": "0.10"' info.json ;;
      *) grep -q "\"refcount-bits\": ${kind#-r }[,}]*\$" info.json ;;
    esac || fail "not what $kind asks for"
  done
done

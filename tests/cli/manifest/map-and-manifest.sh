#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --map together with a manifest: what the map leaves out reads as zeros, in the image and in the manifest.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need qemu-img nbdkit

truncate -s 12M disk.raw
data disk.raw 0 12*M
cat >map.json <<END
[{"start":$((1 * M)),"length":$((2 * M))},{"start":$((5 * M + 100)),"length":70000},{"start":$((11 * M)),"length":$((1 * M))}]
END
truncate -s 12M base.raw
data base.raw 1*M 1*M 9
"$tool" --save-manifest base.manifest base.raw >base.qcow2

# mapped OPTION...: the image is that of a run without a manifest but for the root, and so is what the manifest is of.
mapped() {
  "$tool" --map map.json "$@" disk.raw >plain
  qemu-img convert -f qcow2 -O raw plain shown.raw
  rm -f manifest
  convert disk.raw image --map map.json --save-manifest manifest "$@"
  check_image image shown.raw
  [[ $(root_in manifest shown.raw) == "$(root_of shown.raw)" ]] || fail "another root: $*"
  [[ $("$tool" --map map.json --measure=root "$@" disk.raw) == "$(root_of shown.raw)" ]]
  [[ $("$tool" --map map.json --measure=size --save-manifest measured "$@" disk.raw) == "$(size_of image)" ]]
  same manifest measured
  { "$tool" --map map.json --save-manifest m --length 300001 "$@" disk.raw
    "$tool" --map map.json --save-manifest m --offset 300001 "$@" disk.raw; } >parts
  same image parts
  convert disk.raw without --map map.json --save-manifest manifest --no-root-trailer "$@"
  [[ $(size_of without) == "$(size_of plain)" ]]
  "$from_stdin" --overwrite --manifest manifest restored.raw <image
  same restored.raw shown.raw
  # From a pipe, and of a server.
  serve sock file disk.raw
  convert nbd+unix:///?socket=sock again --map <(cat map.json) --save-manifest manifest "$@"
  same again image
  end_process "$server"
}
for options in '' '-c 512' '-c 2M' '-T 1' '--scan holes' '--compress' '-v 2'; do
  # shellcheck disable=SC2086
  mapped $options
done

# An increment of what the map shows, against a disk and against a manifest.
"$tool" --map map.json disk.raw >plain
qemu-img convert -f qcow2 -O raw plain shown.raw
for what in '--base base.raw' '--base-manifest base.manifest'; do
  for options in '' '-c 4k' '-c 16k --extended-l2'; do
    # shellcheck disable=SC2086
    "$tool" --map map.json $options disk.raw >plain
    [[ $options == *l2* ]] || qemu-img convert -f qcow2 -O raw plain shown.raw
    # shellcheck disable=SC2086
    convert disk.raw image --map map.json $what --save-manifest manifest -B base.qcow2 -F qcow2 $options
    qemu-img check -q image
    qemu-img convert -f qcow2 -O raw image made.raw
    [[ $options == *l2* ]] || same made.raw shown.raw
    [[ $(root_in manifest made.raw) == "$(root_of made.raw)" ]] || fail "another root: $what $options"
  done
done

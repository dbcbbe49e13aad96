#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# TARGET must not be what is read, under whatever name, nor what else is written.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 4M disk.raw
data disk.raw 0 3*M
"$tool" disk.raw >image.qcow2
cp image.qcow2 kept.qcow2
ln -s image.qcow2 soft
ln image.qcow2 hard
for name in image.qcow2 soft hard ./image.qcow2; do
  for option in --overwrite --apply --skip-equal; do
    expect_refusal 1 "$name: cannot be written: it is image.qcow2" "$from_stdin" $option -i image.qcow2 "$name"
    expect_refusal 1 "$name: cannot be written: it is standard input" "$from_stdin" $option "$name" <image.qcow2
  done
done
# shellcheck disable=SC2016 # the inner shell expands it
expect_refusal 1 'cannot be read: standard output writes to it' bash -c '"$0" -i image.qcow2 - 1<>image.qcow2' "$from_stdin"
same image.qcow2 kept.qcow2
cp disk.raw target.raw
expect_refusal 1 'target.raw: cannot be written: the disk goes there' from_pipe image.qcow2 --skip-equal --report target.raw target.raw
same target.raw disk.raw

# A file on the device, and one that the device shows.
if [[ $EUID == 0 ]] && type -P losetup >/dev/null; then
  cp image.qcow2 shown.qcow2
  loop_device shown.qcow2
  expect_refusal 1 "$loop: cannot be written: it is shown.qcow2" "$from_stdin" -i shown.qcow2 "$loop"
  expect_refusal 1 'shown.qcow2: cannot be written: it is /dev/' "$from_stdin" --skip-equal -i "$loop" shown.qcow2
  same shown.qcow2 kept.qcow2
else
  echo "not tested: loop devices need root"
fi

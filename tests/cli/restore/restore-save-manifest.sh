#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --save-manifest makes the manifest of an image that had none.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 6M disk
data disk 0 1*M+5000
data disk 4*M 4096
"$tool" --save-manifest wanted disk >/dev/null
for options in '' '--compress' '-c 512'; do
  # shellcheck disable=SC2086  # words
  "$tool" $options disk >image
  for way in 'restore' 'pipe' 'check' 'stdout'; do
    rm -f manifest disk.raw
    case $way in
      restore) expect_status 0 "$from_stdin" --save-manifest manifest -i image disk.raw ;;
      pipe) expect_status 0 from_pipe image --save-manifest manifest disk.raw ;;
      check) expect_status 0 "$from_stdin" --save-manifest manifest -i image --check ;;
      stdout) expect_status 0 from_pipe image --save-manifest manifest - ;;
    esac
    expect_silence
    same manifest wanted
  done
done

# Of an increment that is applied: with its parent.
cp disk later
data later 2*M 5000
"$tool" --base-manifest wanted --save-manifest wanted.later -B x -F raw later >increment
cp disk disk.raw
rm -f manifest
expect_status 0 from_pipe increment --apply --save-manifest manifest disk.raw
same disk.raw later
[[ $(root_in manifest later) == "$(root_in wanted.later)" ]]
cmp <(head -c 128 manifest) <(head -c 128 wanted.later)

# What fails leaves none, and one that was there stays.
rm -f manifest disk.raw
head -c 1M image >cut.qcow2
expect_refusal 3 'cut' "$from_stdin" --save-manifest manifest -i cut.qcow2 disk.raw
is_not_there manifest
cp wanted manifest
expect_refusal 3 'cut' "$from_stdin" --save-manifest manifest -i cut.qcow2 disk.raw
same manifest wanted
cp disk manifest
expect_refusal 1 'manifest: .*it holds something else than a manifest' "$from_stdin" --save-manifest manifest -i image disk.raw
same manifest disk
is_not_there disk.raw
expect_refusal 1 'increment: its content is not known' "$from_stdin" --save-manifest new -i increment --check
is_not_there new

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --check of a chain whose images come through pipes: what they make is what is expected, and nothing of it is kept.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

# Who reads it may end first.
pipe() { cat "$1" || true; }

truncate -s 6M disk.0
data disk.0 0 2*M
sizes=(0 $((6 * M)) $((9 * M + 512)) $((7 * M + 300 * K)))
for chunk in 64k 256k; do
  for options in '' '-c 2M' '--compress'; do
    # shellcheck disable=SC2086  # words
    "$tool" --save-manifest 0.manifest --manifest-chunk $chunk $options disk.0 >./0
    for n in 1 2 3; do
      cp disk.$((n - 1)) disk.$n
      truncate -s "${sizes[n]}" disk.$n
      data disk.$n "$n*M+4096" 300*K "$n"
      # shellcheck disable=SC2086
      "$tool" --base-manifest $((n - 1)).manifest --save-manifest $n.manifest -B base -F qcow2 $options disk.$n >$n
    done
    expect_status 0 "$from_stdin" --check --manifest 3.manifest --ignore-names \
      -i <(pipe 0) -i <(pipe 1) -i <(pipe 2) -i <(pipe 3)
    expect_silence
    expect_status 0 "$from_stdin" --check --expect-root "$(root_in 3.manifest)" --ignore-names \
      -i <(pipe 0) -i <(pipe 1) -i <(pipe 2) -i <(pipe 3)
    expect_silence
    expect_status 0 "$from_stdin" --check --ignore-names -i <(pipe 0) -i <(pipe 1) -i <(pipe 2) -i <(pipe 3)
    expect_silence
    # Some as files.
    expect_status 0 "$from_stdin" --check --manifest 3.manifest --ignore-names -i 0 -i <(pipe 1) -i 2 -i <(pipe 3)
    expect_silence
    # A manifest of it.
    rm -f saved
    expect_status 0 "$from_stdin" --check --save-manifest saved --ignore-names -i <(pipe 0) -i <(pipe 1) -i <(pipe 2) -i <(pipe 3)
    [[ $(root_in saved) == "$(root_in 3.manifest)" ]]
    expect_refusal 3 'does not hold what was expected: its root is|does not hold what its own root says' \
      "$from_stdin" --check --expect-root "$(root_in 2.manifest)" --ignore-names \
      -i <(pipe 0) -i <(pipe 1) -i <(pipe 2) -i <(pipe 3)
    expect_refusal 4 'is not a manifest of what' "$from_stdin" --check --manifest 0.manifest --ignore-names \
      -i <(pipe 0) -i <(pipe 1) -i <(pipe 2) -i <(pipe 3)
    # A link is missing.
    expect_refusal 4 'is not an increment of what /dev/fd/[0-9]+ makes' "$from_stdin" --check --manifest 3.manifest \
      --ignore-names -i <(pipe 0) -i <(pipe 2) -i <(pipe 3)
  done
done

# Smaller clusters leave a part of what a digest is of to an image that has gone by. Nothing is claimed then.
"$tool" -c 4k --save-manifest 0.manifest disk.0 >./0
printf '[{"start":1052672,"length":4096}]' >changed.json
cp disk.0 disk.1
data disk.1 1052672 4096 9
"$tool" -c 4k --changed-map changed.json --base-manifest 0.manifest --save-manifest 1.manifest -B base -F qcow2 disk.1 >./1
expect_refusal 1 'its content cannot be proven: .*give the images as files' \
  "$from_stdin" --check --manifest 1.manifest --ignore-names -i <(pipe 0) -i <(pipe 1)
expect_status 0 "$from_stdin" --check --ignore-names -i <(pipe 0) -i <(pipe 1)
expect_silence
expect_status 0 "$from_stdin" --check --manifest 1.manifest --ignore-names -i 0 -i 1
expect_silence

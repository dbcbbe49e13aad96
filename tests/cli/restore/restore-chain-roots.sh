#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Chains that know themselves: a link that is missing, doubled or in the wrong place is refused, whatever the names.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 6M disk.0
data disk.0 0 2*M
"$tool" --save-manifest 0.manifest disk.0 >./0
for n in 1 2 3; do
  cp disk.$((n - 1)) disk.$n
  data disk.$n "$n*M+4096" 300*K "$n"
  "$tool" --base-manifest $((n - 1)).manifest --save-manifest $n.manifest -B base -F qcow2 disk.$n >$n
done

# chain LINK...: as options.
chain() { for link; do printf -- '-i %s ' "$link"; done; }

# The right one, by whatever names, and with all that is known of it.
# shellcheck disable=SC2046  # words
expect_status 0 "$from_stdin" --ignore-names $(chain 0 1 2 3) --manifest 3.manifest disk.raw
expect_silence
same disk.raw disk.3
expect_status 0 "$from_stdin" --ignore-names -i <(cat 0) -i <(cat 1) -i <(cat 2) -i <(cat 3) --manifest 3.manifest again.raw
expect_silence
same again.raw disk.3
# shellcheck disable=SC2046
expect_status 0 "$from_stdin" --check --ignore-names $(chain 0 1 2 3) --manifest 3.manifest
expect_silence
rm disk.raw again.raw

# The table: each chain with what is said of it. From files nothing is written, not even to a device.
cp disk.0 4.raw
cp 4.raw untouched
while IFS='|' read -r links message; do
  # shellcheck disable=SC2046,SC2086
  expect_refusal 4 "^qcow2-from-stdin: $message" "$from_stdin" --ignore-names $(chain $links) disk.raw
  is_not_there disk.raw
  # shellcheck disable=SC2046,SC2086
  expect_refusal 4 "^qcow2-from-stdin: $message" "$from_stdin" --ignore-names --check $(chain $links)
  # The same from pipes: what was written never becomes a disk.
  words=(--ignore-names)
  pipes=()
  for link in $links; do
    exec {fd}< <(cat "$link" 2>/dev/null || true)
    pipes+=("$fd")
    words+=(-i "/dev/fd/$fd")
  done
  expect_status '[34]' "$from_stdin" "${words[@]}" disk.raw
  expect_messages 1
  expect_stderr 'is not an increment of what|disk.raw is unchanged'
  is_not_there disk.raw
  for fd in "${pipes[@]}"; do exec {fd}<&-; done
done <<'END'
0 2|2: is not an increment of 0: its parent has the root [0-9a-f]{64}, and that has [0-9a-f]{64}; one between them is missing
0 1 3|3: is not an increment of 1: .*; one between them is missing
0 2 1 3|2: is not an increment of 0: its parent is 1, which is given in another place
0 1 1 2|1: is not an increment of 1: both hold the same, one is given twice
0 1 2 2 3|2: is not an increment of 2: both hold the same, one is given twice
0 1 3 2|3: is not an increment of 1: its parent is 2, which is given in another place
0 3 2 1|3: is not an increment of 0: its parent is 2, which is given in another place
END
same 4.raw untouched

# --chain, with one of its files replaced by another one of the same name.
mkdir dir
cp 0 dir/base
"$tool" --base-manifest 0.manifest -B base -F qcow2 disk.1 >newest
expect_status 0 "$from_stdin" -i newest --chain dir disk.raw
same disk.raw disk.1
rm disk.raw
"$tool" --save-manifest other.manifest disk.3 >dir/base
expect_refusal 4 'newest: is not an increment of dir/base: its parent has the root' "$from_stdin" -i newest --chain dir disk.raw
is_not_there disk.raw
# Who knows better goes on.
expect_status 0 "$from_stdin" --ignore-root -i newest --chain dir disk.raw
rm disk.raw

# What a chain makes is another content, whatever the links say: a base without a root was changed.
"$tool" disk.0 >0.plain
expect_status 0 "$from_stdin" --ignore-names -i 0.plain -i 1 disk.raw
rm disk.raw
data disk.0 0 100 99
"$tool" disk.0 >0.plain
expect_refusal 3 '1: does not hold what its own root says' "$from_stdin" --ignore-names -i 0.plain -i 1 disk.raw
expect_refusal 4 '/dev/fd/[0-9]+: is not an increment of what /dev/fd/[0-9]+ makes' "$from_stdin" --ignore-names -i <(cat 0.plain) -i <(cat 1) --expect-root "$(root_in 1.manifest)" disk.raw
is_not_there disk.raw

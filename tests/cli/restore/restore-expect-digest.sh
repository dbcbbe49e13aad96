#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --expect-digest: another one is status 3, and nothing looks like a disk; every algorithm, as --digest and others write it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 3M disk.raw
data disk.raw 0 1*M
algorithms=(sha256 sha512 blake2b sha1 md5 crc32c crc64nvme)
arguments=()
for algorithm in "${algorithms[@]}"; do arguments+=(--digest "$algorithm=sums"); done
"$tool" "${arguments[@]}" disk.raw >image.qcow2
for algorithm in "${algorithms[@]}"; do
  rm -f out.raw
  expect_status 0 from_pipe image.qcow2 --expect-digest "$algorithm=sums" out.raw
  expect_silence
  same out.raw disk.raw
done
expected=()
for algorithm in "${algorithms[@]}"; do expected+=(--expect-digest "$algorithm=sums"); done
rm out.raw
expect_status 0 "$from_stdin" "${expected[@]}" -i image.qcow2 out.raw
same out.raw disk.raw

# As coreutils write it, with and without --tag, and itself.
for tag in '' --tag; do
  # shellcheck disable=SC2086
  sha256sum $tag image.qcow2 >coreutils
  expect_status 0 from_pipe image.qcow2 --check --expect-digest sha256=coreutils
done
hex=$(sha256sum image.qcow2 | cut -d' ' -f1)
expect_status 0 from_pipe image.qcow2 --check --expect-digest "sha256:$hex"
expect_status 0 from_pipe image.qcow2 --check --expect-digest "sha256:${hex^^}"

# Another one.
rm out.raw
other=${hex:1}${hex:0:1}
expect_refusal 3 'standard input: has another sha256 digest than expected: .*; out.raw is unchanged' \
  from_pipe image.qcow2 --expect-digest "sha256:$other" out.raw
is_not_there out.raw
expect_status 3 from_pipe image.qcow2 --expect-digest "sha256:$other" -
(($(size_of stdout) < 3 * M)) || fail "all of the disk came"

expect_refusal 1 'nothing: has no md5 digest|nothing: ' from_pipe image.qcow2 --expect-digest md5=nothing out.raw
echo nothing >nothing
expect_refusal 1 'nothing: has no md5 digest' from_pipe image.qcow2 --expect-digest md5=nothing out.raw
{ cat coreutils && sha256sum disk.raw; } >several
expect_refusal 1 'several: has several sha256 digests' from_pipe image.qcow2 --expect-digest sha256=several out.raw
for word in sha256 sha256: sha256:12 sha256:xx sha3=sums sha256= =sums "md5:$hex"; do
  expect_refusal 2 '--expect-digest: ' from_pipe image.qcow2 --expect-digest "$word" out.raw
done
expect_refusal 2 '--expect-digest: .*chain' "$from_stdin" --expect-digest sha256=sums -i image.qcow2 -i image.qcow2 out.raw

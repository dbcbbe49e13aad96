#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A manifest that cannot be written leaves the image incomplete, and an old one is there as it was.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 8M disk.raw
data disk.raw 0 5*M
convert disk.raw image --save-manifest manifest
cp manifest old

# incomplete STATUS PATTERN COMMAND...: less than an image was written.
incomplete() {
  expect_status "$1" "${@:3}"
  expect_stderr "$2"
  [[ $(size_of stdout) -lt $(size_of image) ]] || fail "a complete image: ${*:3}"
}
incomplete 1 'full: write failed: no space left' "$tool" --save-manifest /dev/full disk.raw
mkdir gone

# A reader that leaves: the old manifest stays.
expect_status 1 bash -o pipefail -c "\"$tool\" --save-manifest manifest disk.raw | head -c 100000 >/dev/null"
same manifest old
[[ ! -e gone/manifest && $(ls) != *manifest.* ]]
expect_status 1 bash -o pipefail -c "\"$tool\" --save-manifest gone/new disk.raw | head -c 100000 >/dev/null"
[[ -z $(ls gone) ]]

# What is something else is not replaced.
cp disk.raw other.raw
expect_refusal 1 'other.raw: cannot be written: it holds something else than a manifest' \
  "$tool" --save-manifest other.raw disk.raw
same disk.raw other.raw
expect_refusal 1 'disk.raw: cannot be written' "$tool" --save-manifest disk.raw disk.raw
expect_refusal 2 'save-manifest: .*standard output' "$tool" --save-manifest /dev/stdout disk.raw

# Options that make no sense with it.
expect_refusal 2 '^[^ ]* --save-manifest: not together with --salvage' "$tool" --save-manifest m --salvage disk.raw
expect_refusal 2 '^[^ ]* --save-manifest: not together with --allow-changes' "$tool" --save-manifest m --allow-changes disk.raw
expect_refusal 2 '^[^ ]* --measure=root: not together with a plan' "$tool" --measure=root --save-plan p disk.raw
expect_refusal 2 '^[^ ]* --manifest-chunk: needs --save-manifest' "$tool" --manifest-chunk 1M disk.raw
expect_refusal 2 '^[^ ]* --no-root-trailer: needs --save-manifest' "$tool" --no-root-trailer disk.raw
for chunk in 32k 32M 100k; do
  expect_refusal 2 'not a power of two from 64k to 16M' "$tool" --manifest-chunk $chunk --save-manifest m disk.raw
done
[[ ! -e m && ! -e p ]]

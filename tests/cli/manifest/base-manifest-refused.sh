#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A manifest that is damaged, foreign or of another version is refused before the first byte.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"

truncate -s 1M disk.raw
data disk.raw 0 500*K
"$tool" --save-manifest good disk.raw >/dev/null

# refused PATTERN FILE
refused() { expect_refusal 4 "^[^ ]* $2: $1" "$tool" --base-manifest "$2" disk.raw; }
refused 'is not a manifest' disk.raw
: >empty
refused 'is not a manifest: it is empty' empty
head -c 5000 good >shorter
refused 'is a damaged manifest: it ends too early' shorter
head -c 4096 good >shorter
refused 'is a damaged manifest: it ends too early' shorter
cat good good >twice
refused 'is a damaged manifest' twice
sed '1s/manifest 1/manifest 2/' good >newer
refused 'is a manifest of another version' newer
for at in 40 70 4000 4090 4100 5000 8000; do
  cp good flipped
  printf 'x' | dd of=flipped bs=1 seek=$at conv=notrunc status=none
  refused 'is a damaged manifest' flipped
done
expect_refusal 1 '^[^ ]* none: cannot be opened: no such file' "$tool" --base-manifest none disk.raw

# It may come from a pipe.
expect_status 0 "$tool" --base-manifest <(cat good) disk.raw
expect_refusal 4 'is not a manifest' "$tool" --base-manifest <(head -c 5000 disk.raw) disk.raw

expect_refusal 2 'manifest-chunk: the chunks are those of --base-manifest' \
  "$tool" --base-manifest good --save-manifest m --manifest-chunk 64k disk.raw
expect_refusal 2 'measure=root: not together with a plan' "$tool" --measure=root --save-plan p disk.raw
expect_refusal 2 'an increment holds its data itself' "$tool" --base-manifest good -d disk.raw
expect_refusal 1 'good: cannot be written' "$tool" --base-manifest good --save-manifest good disk.raw

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/performance.md is what ./dev plots makes of bench/results/, and made twice it is the same, pictures included.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

for python in python3 /usr/bin/python3 ''; do
  ! "$python" -c 'import matplotlib' 2>/dev/null || break
done
[[ -n $python ]] || skip "no python3 here has matplotlib: ./dev packages bench"
for place in a "b c"; do "$python" "$source_root/bench/plots" --docs "$place"; done
diff -r a "b c" || fail "made twice, it is not the same"
diff a/performance.md "$source_root/docs/performance.md" || fail "docs/performance.md is not that of bench/results: ./dev plots"
# Other versions of matplotlib draw other pictures.
diff <(cd a/performance && ls) <(cd "$source_root/docs/performance" && ls) || fail "pictures are missing, or too many"
grep -q 'performance/warm.svg' a/performance.md

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every piece of shell on the page of backups is a recipe with a name, and a test runs each of them.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1

page=$source_root/docs/backups.md
sed -n 's/^<!-- recipe: \(.*\) -->$/\1/p' "$page" | sort >recipes
[[ $(grep -c '^```sh$' "$page") == "$(wc -l <recipes)" && -s recipes ]] || fail "a recipe without a name"
[[ -z $(uniq -d recipes) ]] || fail "two recipes with one name: $(uniq -d recipes)"
grep -hv '^ *#' "$source_root"/tests/cli/recipe-*.sh >tests
while read -r recipe; do
  grep -qw -e "$recipe" tests || fail "no test runs $recipe"
done <recipes

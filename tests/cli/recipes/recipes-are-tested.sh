#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every piece of shell on the pages with recipes is a recipe with a name, and a test runs each of them.
# README.md has recipes among its examples.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

pages=("$source_root/docs/backups.md" "$source_root/docs/uploads.md")
sed -n 's/^<!-- recipe: \(.*\) -->$/\1/p' "${pages[@]}" "$source_root/README.md" | sort >recipes
for page in "${pages[@]}"; do
  [[ $(grep -c '^```sh$' "$page") == $(grep -c '^<!-- recipe: ' "$page") ]] || fail "a recipe without a name"
done
[[ -s recipes && -z $(uniq -d recipes) ]] || fail "two recipes with one name: $(uniq -d recipes)"
grep -hv '^ *#' "$source_root"/tests/cli/recipes/recipe-*.sh "$source_root"/tests/integration/*.sh >tests
while read -r recipe; do
  grep -qw -e "$recipe" tests || fail "no test runs $recipe"
done <recipes

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Runs the recipes of a page in docs/ as they stand there; `page` names it, docs/backups.md by itself. Programs that are not there, or that would
# need a hypervisor, are stood in for by scripts.

# shellcheck disable=SC2154  # lib.sh says where the test runs, and what
page=$source_root/${page-docs/backups.md}
programs=$dir/programs
mkdir "$programs"
# shellcheck disable=SC2154
ln -s "$tool" "$programs/qcow2-to-stdout"
PATH=$programs:$PATH

# stand_in NAME: a program of this name; its text, for bash, is on standard input.
stand_in() {
  { printf '#!/usr/bin/env bash\nset -euo pipefail\n' && cat; } >"$programs/$1"
  chmod +x "$programs/$1"
}

# commands_of RECIPE: what the page has under this name.
# shellcheck disable=SC2154
commands_of() {
  awk -v name="<!-- recipe: $1 -->" '
    $0 == name { found = 1; next }
    found && /^```sh$/ { inside = 1; next }
    inside && /^```$/ { exit }
    inside { print }' "$page"
}

# run_recipe NAME [VARIABLE=VALUE...]: must succeed; the output is in `recipe.log`.
run_recipe() {
  local name=$1 commands
  shift
  commands=$(commands_of "$name")
  [[ -n $commands ]] || fail "$page has no recipe $name"
  env "$@" bash -e -c "$commands" >"$dir/recipe.log" 2>&1 || fail "recipe $name: $(<"$dir/recipe.log")"
}

# check_chain IMAGE DISK: each link is sound, and the last one reads as DISK.
check_chain() {
  local link=$1
  check_image "$1" "$2"
  while link=$(qemu-img info --output=json "$link" | python3 -c '
import json, sys
print(json.load(sys.stdin).get("full-backing-filename", ""))'); [[ -n $link ]]; do
    qemu-img check -q "$link" >check.log 2>&1 || fail "qemu-img check $link: $(<check.log)"
  done
}

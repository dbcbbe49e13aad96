# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Runs the recipes of the pages as somebody types them who reads them. Programs that are not there, or that
# would need a hypervisor, are stood in for by scripts.

# shellcheck disable=SC2154  # lib.sh says where the test runs, and what
pages=("$source_root/README.md" "$source_root/docs/backups.md" "$source_root/docs/uploads.md")
programs=$dir/programs
mkdir "$programs"
# shellcheck disable=SC2154
ln -s "$tool" "$programs/qcow2-to-stdout"
# shellcheck disable=SC2154
ln -s "$from_stdin" "$programs/qcow2-from-stdin"
PATH=$programs:$PATH

# stand_in NAME: a program of this name; its text, for bash, is on standard input.
stand_in() {
  { printf '#!/usr/bin/env bash\nset -euo pipefail\n' && cat; } >"$programs/$1"
  chmod +x "$programs/$1"
}

# commands_of RECIPE: what a page has under this name.
commands_of() {
  awk -v name="<!-- recipe: $1 -->" '
    $0 == name { found = 1; next }
    found && /^```sh$/ { inside = 1; next }
    inside && /^```$/ { exit }
    inside { print }' "${pages[@]}"
}

# try_recipe NAME [VARIABLE=VALUE...]: in a shell of its own that has nothing but what the page shows: no
# errexit, nounset or pipefail, and the variables are its own, not in the environment. It begins in our
# directory. Its status is in $status, the output in `recipe.log`.
try_recipe() {
  local name=$1 commands setting text=
  shift
  commands=$(commands_of "$name")
  [[ -n $commands ]] || fail "no page has a recipe $name"
  for setting; do
    local value=${setting#*=}
    text+="${setting%%=*}=${value@Q}"$'\n'
  done
  status=0
  env -u BASH_ENV bash --norc --noprofile -c "$text$commands" >"$dir/recipe.log" 2>&1 || status=$?
}

# run_recipe NAME [VARIABLE=VALUE...]: must succeed.
run_recipe() {
  try_recipe "$@"
  [[ $status == 0 ]] || fail "recipe $1: status $status: $(<"$dir/recipe.log")"
}

# recipe_fails NAME [VARIABLE=VALUE...]: must not.
recipe_fails() {
  try_recipe "$@"
  [[ $status != 0 ]] || fail "recipe $1 succeeded: $(<"$dir/recipe.log")"
}

# broken COMMAND...: with a qcow2-to-stdout that writes a little and fails.
broken() {
  rm "$programs/qcow2-to-stdout"
  stand_in qcow2-to-stdout <<<'printf "QFI\373"; exit 1'
  "$@"
  ln -sf "$tool" "$programs/qcow2-to-stdout"
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

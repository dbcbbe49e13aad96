#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain loses a link, and what is left reads as before, whenever the recipe is broken off;
# run again, it succeeds. The disk has become smaller and larger on the way.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../recipes.sh
. "$source_root/tests/recipes.sh"

need qemu-img jq python3
qemu_img=$(type -P qemu-img)
export qemu_img
truncate -s 8M monday.raw
data monday.raw 0 7*M
cp monday.raw tuesday.raw
truncate -s 5M tuesday.raw # what lay behind is gone
data tuesday.raw 1*M 3*M 8
cp tuesday.raw wednesday.raw
truncate -s 9M wednesday.raw
data wednesday.raw 2*M 100
convert monday.raw monday.qcow2
convert tuesday.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw
convert wednesday.raw wednesday.qcow2 -B tuesday.qcow2 -F qcow2 --base tuesday.raw
mkdir work

anew() {
  rm -f work/*
  cp ./*.qcow2 work
}
still_reads() {
  qemu-img compare -q -f raw -F qcow2 wednesday.raw work/wednesday.qcow2 || fail "$1: another Wednesday"
  [[ ! -e work/tuesday.qcow2 ]] || qemu-img compare -q -f raw -F qcow2 tuesday.raw work/tuesday.qcow2 ||
    fail "$1: another Tuesday"
}
in_work() { cd work && "$@" && cd "$dir"; }

for recipe in merge drop; do
  anew
  in_work run_recipe $recipe
  check_chain work/wednesday.qcow2 wednesday.raw
  [[ ! -e work/tuesday.qcow2 ]]
done
[[ $(qemu-img info --backing-chain work/wednesday.qcow2 | grep -c '^image: ') == 2 ]]
anew
in_work run_recipe merge
qemu-img compare -q -f raw -F qcow2 tuesday.raw work/monday.qcow2 || fail "monday has not taken tuesday in"

# Broken off before the n-th qemu-img, and in the middle of what it does: after some of its writes.
stand_in qemu-img <<'END'
[[ $(($(cat ../left) - 1)) != 0 ]] || exit 1
echo "$(($(cat ../left) - 1))" >../left
exec "$qemu_img" "$@"
END
for recipe in merge drop; do
  for n in 1 2 3 4; do
    [[ $recipe == merge || $n == 1 ]] || continue
    anew
    echo $n >left
    in_work recipe_fails $recipe
    still_reads "$recipe, step $n"
    echo 99 >left
    in_work run_recipe $recipe
    still_reads "$recipe after step $n"
    check_chain work/wednesday.qcow2 wednesday.raw
  done
done
# shellcheck disable=SC2016
stand_in qemu-img <<<'[[ $1 != commit && $1 != rebase || $* == *" -u "* ]] || ulimit -f "$blocks"; exec "$qemu_img" "$@"'
for recipe in merge drop; do
  for blocks in 5376 6400 7000 7424; do
    anew
    blocks=$blocks try_recipe 2>/dev/null
  done
done

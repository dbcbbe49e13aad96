#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/backups.md: a chain loses a link, and what is left reads as before, whenever the recipe is broken off;
# run again, it succeeds. The disk has become smaller and larger on the way.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need qemu-img jq python3
qemu_img=$(type -P qemu-img)
export qemu_img
# make_chain SIZE...: of the three disks. Where one is smaller than the one before, what lay there is gone.
make_chain() {
  rm -f ./*.qcow2
  truncate -s "$1" monday.raw
  data monday.raw 0 4*M
  data monday.raw "${1%M}*M-1*M" 1*M
  cp monday.raw tuesday.raw
  truncate -s "$2" tuesday.raw
  for n in {0..15}; do data tuesday.raw "$((n * 320 * K))" 64*K 8; done
  cp tuesday.raw wednesday.raw
  truncate -s "$3" wednesday.raw
  data wednesday.raw 2*M 100
  convert monday.raw monday.qcow2
  convert tuesday.raw tuesday.qcow2 -B monday.qcow2 -F qcow2 --base monday.raw
  convert wednesday.raw wednesday.qcow2 -B tuesday.qcow2 -F qcow2 --base tuesday.raw
}
mkdir work

anew() {
  rm -f work/*
  cp ./*.qcow2 work
}
reads_as() { qemu-img compare -q -f raw -F qcow2 "$1.raw" "work/$2.qcow2"; }
still_reads() {
  reads_as wednesday wednesday || fail "$1: another Wednesday"
  [[ ! -e work/tuesday.qcow2 ]] || reads_as tuesday tuesday || fail "$1: another Tuesday"
  # Of `merge`, Monday is gone from the first moment.
  [[ $1 == merge* || ! -e work/monday.qcow2 ]] || reads_as monday monday || fail "$1: another Monday"
}
in_work() { cd work && "$@" && cd "$dir"; }
links() { qemu-img info --backing-chain work/wednesday.qcow2 | grep -c '^image: '; }

for sizes in "8M 8M 8M" "6M 8M 9M" "8M 5500k 9M" "9M 8M 6M"; do
  # shellcheck disable=SC2086  # three sizes
  make_chain $sizes
  for recipe in flatten drop merge; do
    anew
    if [[ $recipe == merge && $sizes =~ ^"8M 5"|^9M ]]; then
      in_work recipe_fails merge
      still_reads drop
      continue
    fi
    in_work run_recipe $recipe
    still_reads $recipe
    check_chain work/wednesday.qcow2 wednesday.raw
    (($(links) == 2))
  done
done
make_chain 6M 8M 9M
anew
in_work run_recipe merge
reads_as tuesday monday || fail "monday has not taken tuesday in"

# Broken off: what is left reads as before, and the recipe can be run again.
broken_off() {
  [[ $status != 0 ]]
  still_reads "$1"
  in_work run_recipe "$recipe"
  still_reads "$1, and again"
  (($(links) == 2))
  # What is killed may leave clusters that nothing refers to.
  for image in work/monday.qcow2 work/wednesday.qcow2; do
    [[ ! -e $image ]] || qemu-img check -q -r leaks "$image" >check.log 2>&1 || fail "$1: $image: $(<check.log)"
  done
  check_chain work/wednesday.qcow2 wednesday.raw
}
# $fail_at: the call of qemu-img that fails; $kill_at: that of its writes at which it is killed.
stand_in qemu-img <<'END'
echo >>"$calls"
[[ $(wc -l <"$calls") != "${fail_at-}" ]]
[[ -z ${kill_at-} ]] || exec strace -f -qq -o /dev/null -e trace=pwrite64,pwritev,ftruncate \
  -e inject=pwrite64,pwritev,ftruncate:signal=KILL:when="$kill_at" "$qemu_img" "$@"
exec "$qemu_img" "$@"
END
export calls=$dir/calls
# try_broken RECIPE VARIABLE=NUMBER
try_broken() {
  anew
  rm -f calls
  export "${2?}"
  in_work try_recipe "$1"
  unset "${2%=*}"
}
for recipe in flatten drop; do
  anew
  in_work broken try_recipe $recipe
  broken_off $recipe
done
recipe=merge
for n in 1 2 3 4; do
  try_broken merge fail_at=$n
  broken_off "merge, step $n"
done
if sanitized || ! strace -o trace true 2>strace.log; then skip "the rest needs strace"; fi
for ((n = 1; ; ++n)); do
  try_broken merge kill_at=$n
  [[ $status != 0 ]] || break
  broken_off "merge, killed at write $n"
done
((n > 2)) || fail "it was killed $((n - 1)) times only"
echo "killed at each of $((n - 1)) writes of a thread"

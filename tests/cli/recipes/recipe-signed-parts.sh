#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/uploads.md: an image in parts, to a store that takes each at a URL of its own. A part that failed or
# was damaged is sent again, and nothing is completed unless all of them have arrived.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source-path=SCRIPTDIR source=../../lib/recipes.sh
. "$source_root/tests/lib/recipes.sh"

need jq python3 curl
truncate -s 12M disk.raw
data disk.raw 0 7*M
convert disk.raw wanted
mkdir bucket
python3 "$helpers/s3_parts.py" bucket $((2 * M)) 2>server.log &
at_exit end_process $!
wait_for test -s bucket/port
url=http://127.0.0.1:$(<bucket/port)
settings=(disk="$dir/disk.raw" part=$((2 * M)) complete_url="$url/complete?uploadId=1")

run_recipe parts-plan "${settings[@]}"
[[ $(<recipe.log) == "4 parts" ]] || fail "$(<recipe.log)"
for number in 1 2 3 4; do echo "$url/part?partNumber=$number&uploadId=1"; done >vm.urls
run_recipe parts-send "${settings[@]}"
same bucket/object wanted
rm bucket/object

# The list of URLs may lack the end of its last line.
truncate -s -1 vm.urls
# Parts that fail twice, are damaged on the way, or break off.
printf '1\n2\n' | tee bucket/fail-1 >bucket/fail-4
echo >bucket/damage-2
run_recipe parts-send "${settings[@]}"
same bucket/object wanted
rm bucket/object

# A part that fails for good, an upload that the store cannot complete, too few URLs, another disk.
not_stored() {
  recipe_fails parts-send "${settings[@]}"
  [[ ! -e bucket/object ]] || fail "it was completed"
  rm -f bucket/fail-*
}
seq 3 >bucket/fail-3
not_stored
echo >bucket/fail-complete
not_stored
cp vm.urls all
sed -i '$d' vm.urls # the last one
not_stored
mv all vm.urls
broken recipe_fails parts-send "${settings[@]}"
[[ ! -e bucket/object ]]
cp -p disk.raw good.raw
touch disk.raw
not_stored
settings+=(disk="$dir/nosuch")
not_stored
settings+=(disk="$dir/good.raw")
run_recipe parts-send "${settings[@]}" # goes on where it broke off
same bucket/object wanted

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A plan knows what was left out, and what the findings rest on: whatever is made of it is what a run without a plan
# makes, and it is status 3 if what the file system says of itself has changed since.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/leave-out.sh
. "$source_root/tests/lib/leave-out.sh"
# shellcheck source=../../lib/manifests.sh
. "$source_root/tests/lib/manifests.sh"
need nbdkit

deleted='2*M' aged_ext4 disk.raw 24M
cp disk.raw old.raw
debugfs -w -f - old.raw >debugfs.log 2>&1 <<<'rm large' || fail "debugfs: $(<debugfs.log)"
convert old.raw base.qcow2 --leave-out free --save-manifest base.manifest
convert old.raw full.qcow2 --save-manifest full.manifest

# planned OPTION...: the image is that of a run without a plan, whole and in parts, and so is what is said of it.
planned() {
  rm -f plan
  convert disk.raw wanted --leave-out free "$@"
  convert disk.raw image --leave-out free --save-plan plan "$@"
  same image wanted
  convert disk.raw image --plan plan
  same image wanted
  for part in 1 2 3; do "$tool" --plan plan --part $part/3 disk.raw; done >image
  same image wanted
  "$tool" --measure=json --leave-out free "$@" disk.raw >wanted.json
  "$tool" --measure=json --plan plan disk.raw >planned.json
  same planned.json wanted.json
}
planned
planned --compress
planned -c 4k
planned -c 32k --extended-l2
planned --scan holes
planned --base-manifest base.manifest -B base.qcow2 -F qcow2
planned --base-manifest full.manifest -B full.qcow2 -F qcow2 --base old.raw --extended-l2
planned --base-manifest full.manifest -B full.qcow2 -F qcow2 -v 2

# What was read of the metadata has changed, and the time of the file has not.
planned
cp --preserve=timestamps disk.raw changed.raw
overwrite changed.raw 4136 8 3
expect_status 3 "$tool" --plan plan changed.raw
expect_stderr 'changed.raw: changed while it was read: what its file systems use is another thing now, at offset'
(($(size_of stdout) < $(size_of wanted))) || fail "all of it was written"
expect_status 3 "$tool" --plan plan --assume-unchanged changed.raw
for option in --allow-changes '--part 2/3' '--offset 0 --length 70K' --measure=json; do
  # shellcheck disable=SC2086
  expect_status 3 "$tool" --plan plan $option changed.raw
done
serve sock file changed.raw
expect_status 3 "$tool" --plan plan --assume-unchanged nbd+unix:///?socket=sock
end_process "$server"

# What was left out may be anything.
convert disk.raw image --leave-out free --save-manifest manifest
read -r begin _ < <(python3 "$helpers/manifest.py" left-out manifest)
cp --preserve=timestamps disk.raw changed.raw
overwrite changed.raw "$begin" 1000 99
convert changed.raw image --plan plan
same image wanted

# with_manifest OPTION...: of a plan that was saved together with a manifest comes the same once more, also of a server,
# which has no time stamp.
with_manifest() {
  rm -f plan manifest
  convert disk.raw wanted --leave-out free --save-manifest wanted.manifest "$@"
  convert disk.raw image --leave-out free --save-plan plan --save-manifest manifest "$@"
  same image wanted
  same manifest wanted.manifest
  [[ -n $(python3 "$helpers/manifest.py" left-out manifest) ]] || fail "nothing is listed"
  rm manifest
  [[ $("$tool" --measure=size --plan plan --save-manifest manifest disk.raw) == "$(size_of wanted)" ]]
  same manifest wanted.manifest
  serve sock file disk.raw
  convert nbd+unix:///?socket=sock image --plan plan --save-manifest manifest
  same image wanted
  same manifest wanted.manifest
  end_process "$server"
  is_compared 4136
}

# is_compared OFFSET: nothing may be another thing there, and an old manifest stays.
is_compared() {
  cp disk.raw changed.raw
  overwrite changed.raw "$1" 8 3
  serve sock file changed.raw
  expect_status 3 "$tool" --plan plan --save-manifest manifest nbd+unix:///?socket=sock
  expect_stderr 'changed while it was read'
  same manifest wanted.manifest
  end_process "$server"
}
# Where the content of a file lies, which all of these but the last send.
used=$(python3 -c 'print(open("disk.raw", "rb").read().index(open("tree/large", "rb").read(1000)) + 5000)')
with_manifest
is_compared "$used"
with_manifest --compress -c 16k
is_compared "$used"
with_manifest --base-manifest base.manifest -B base.qcow2 -F qcow2
is_compared "$used"
with_manifest --base-manifest full.manifest -B full.qcow2 -F qcow2 --base old.raw --extended-l2

# With a manifest of the base alone, too.
convert disk.raw wanted --leave-out free --save-plan plan --base-manifest base.manifest -B base.qcow2 -F qcow2
convert disk.raw image --plan plan
same image wanted

# What a plan does not know, and what it knows already.
convert disk.raw image --leave-out free --save-plan plan
expect_refusal 2 'save-manifest: the plan plan was not made together with a manifest' \
  "$tool" --plan plan --save-manifest manifest disk.raw
expect_refusal 2 'the disk has been surveyed; --leave-out would do nothing' "$tool" --plan plan --leave-out free disk.raw

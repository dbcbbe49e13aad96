#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that looks like an image is wrapped as it is, with a warning unless -f says raw. A regular file that is
# an image by its name, too, is refused. What is compressed is a warning with the command that is right.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img python3
truncate -s 1M disk.raw
data disk.raw 0 1*M
base=(-B base -F raw)

# looks_like FORMAT FILE: a warning, and the whole file in the image.
looks_like() {
  expect_status 0 "$tool" "$2"
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: $2: looks like a $1 image .*; say -f $1 to convert it, -f raw to silence this"
  check_image stdout "$2"
  cp stdout wanted
  for options in '-f raw' '--quiet'; do
    # shellcheck disable=SC2086
    convert "$2" image $options
    same image wanted
  done
  expect_status 0 "$tool" --base "$2" "${base[@]}" disk.raw
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: $2: looks like a $1 image and is compared as it is; say --base-format $1"
  # Nobody can tell the name of what comes from elsewhere.
  expect_status 0 "$tool" - <"$2"
  expect_messages 1
  local convert=
  [[ $1 != qcow2 ]] || convert='-f qcow2 to convert it, '
  expect_stderr "standard input: looks like a $1 image and is wrapped as it is; say ${convert}-f raw to silence this"
  same stdout wanted
}

# is_image FORMAT FILE: refused.
is_image() {
  local quiet
  for quiet in '' --quiet '--measure' '--scan holes'; do
    # shellcheck disable=SC2086
    expect_refusal 2 "^qcow2-to-stdout: $2: is a $1 image by its name and by its content: say -f $1 to .*, -f raw to" \
      "$tool" $quiet "$2"
  done
  expect_refusal 2 "^qcow2-to-stdout: $2: is a $1 image by its name .*: say --base-format $1 to .*, --base-format raw to" \
    "$tool" --base "$2" "${base[@]}" disk.raw
  convert "$2" image -f raw
  check_image image "$2"
  convert disk.raw image --base "$2" --base-format raw "${base[@]}"
  # A warning only: it might be any file.
  expect_status 0 "$tool" - <"$2"
  expect_messages 1
  expect_stderr "looks like a $1 image"
}

tried=0
try() {
  local format=$1 file=$2 name
  shift 2
  cp "$file" disk.img
  looks_like "$format" disk.img
  for name; do
    cp disk.img "$name"
    is_image "$format" "$name"
    rm "$name"
  done
  # A name alone says nothing.
  name=$1
  cp disk.raw "$name"
  convert "$name" image
  check_image image disk.raw
  rm "$name"
  tried=$((tried + 1))
}
made() { qemu-img create -q -f "$@" 1M 2>create.log; }
if made qcow2 made; then try qcow2 made in.qcow2 in.QCOW2 'with.dots.qcow2'; fi
if made qcow made; then try qcow made in.qcow; fi
if made vmdk made; then try vmdk made in.vmdk IN.VMDK; fi
if made vdi made; then try vdi made in.vdi; fi
if made vhdx made; then try vhdx made in.vhdx; fi
if made vpc made; then try vpc made in.vhd in.vpc; fi
if made vpc -o subformat=fixed made; then try vpc made in.vhd; fi
if made qed made; then try qed made in.qed; fi
if made parallels made; then try parallels made in.hds in.hdd; fi
"$helpers/dmg.py" disk.raw made zlib
try dmg made in.dmg in.DMG
[[ $tried -gt 1 ]] || fail "no format was tried"

# Links are names, directories are none, and what is said in words counts.
made qcow2 monday
ln -s monday monday.qcow2
expect_refusal 2 'monday\.qcow2: is a qcow2 image' "$tool" monday.qcow2
mkdir in.qcow2
cp monday in.qcow2/monday
expect_status 0 "$tool" in.qcow2/monday
convert monday.qcow2 image -f qcow2
convert monday.qcow2 image -f auto
printf 'QFI' >short.qcow2
convert short.qcow2 image

# --- What is compressed --------------------------------------------------------------------------

# compressed NAME FILE
compressed() {
  local command
  expect_status 0 "$tool" "$2"
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: .*: is compressed \($1\) and is wrapped as it is; $1 -dc .* \| qcow2-to-stdout - converts"
  check_image stdout "$2"
  command=$(sed 's/.*wrapped as it is; \(.*\) converts what is in it.*/\1/' stderr)
  # As a user types it.
  PATH=$dir/bin:$PATH bash -c "$command" >image 2>stderr || fail "does not work: $command"
  check_image image disk.raw
  convert "$2" image -f raw
  expect_status 0 "$tool" --base "$2" "${base[@]}" disk.raw
  expect_messages 1
  expect_stderr "is compressed \($1\) and is compared as it is; decompress it first, --base-format raw to silence"
  expect_status 0 "$tool" - <"$2"
  expect_messages 1
  expect_stderr "standard input: is compressed \($1\) and is wrapped as it is; let $1 -dc decompress it before"
}
mkdir bin
ln -s "$tool" bin/qcow2-to-stdout
for program in gzip zstd xz bzip2 lz4; do
  type -P $program >/dev/null || continue
  for name in "disk.raw.$program" "a name, it's \$odd.raw" -dash; do
    $program -c <disk.raw >"./$name"
    if [[ $name == -* ]]; then
      expect_status 0 "$tool" -- "$name"
      command=$(sed 's/.*wrapped as it is; \(.*\) converts what is in it.*/\1/' stderr)
      PATH=$dir/bin:$PATH bash -c "$command" >image 2>stderr || fail "does not work: $command"
      check_image image disk.raw
    else
      compressed $program "$name"
    fi
  done
done
echo 'BZh9 is not all of it' >text
convert text image

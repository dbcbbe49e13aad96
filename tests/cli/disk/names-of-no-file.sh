#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What qemu-img takes in place of a file name gets a hint, unless there is a file of that name.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

for name in rbd:pool/image http://host/disk https://host/disk.raw ftp://host/x ftps://host/x ssh://host/path \
  iscsi://host/target/0 nfs://host/x gluster://host/volume/x fat:dir; do
  for options in '' '-f raw' '-f qcow2' '-f auto'; do
    # shellcheck disable=SC2086
    expect_refusal 1 "^qcow2-to-stdout: $name: not a file.*--blockdev '\{\"driver\":\"${name%%:*}\"" \
      "$tool" $options "$name"
  done
done
expect_refusal 1 'not a file.*--blockdev' "$tool" 'json:{"driver":"null-co"}'
expect_refusal 1 'not a file.*nbd://' "$tool" nbd:localhost:10809
expect_refusal 1 'not a file.*nbd(\+unix)?://' "$tool" nbd:unix:/run/socket:exportname=x

truncate -s 1M disk.raw
data disk.raw 0 100
convert disk.raw wanted
for name in rbd:x nbd:localhost:10809 'json:{}' fat:x; do
  cp disk.raw "$name"
  convert "$name" image
  same image wanted
done

# A data file needs a disk that others can open by its name.
for option in -d -R --data-file --data-file=x --data-file-raw; do
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option nbd://localhost/
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option -f qcow2 disk.raw
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option --blockdev '{"driver":"null-co"}'
  expect_refusal 2 '(^|[^-])-[dR]|--data-file' "$tool" $option -- [ nbdkit null ]
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --mount where it makes no sense or cannot be: one message that says what to do.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 2M disk.raw
data disk.raw 0 100
mkdir at
refused() { expect_refusal 2 "$1" "$tool" --mount at "${@:2}" disk.raw; }
refused '--measure: not together with --mount' --measure
refused '--offset: not together with --mount' --offset 5
refused '--length: not together with --mount' --length 5
refused '--digest: not together with --mount' --digest sha256
refused '--flush: not together with --mount' --flush
refused '--name: .*without a slash' --name a/b
refused '--name: .*without a slash' --name ..
refused '-O, --output-format: .*vmdk.*is not qcow2 or raw' -O vmdk
refused '--cluster-size: is about an image' -O raw -c 4k
refused '--compress: is about an image' -O raw --compress
refused '--plan: is about an image' -O raw --plan disk.plan
refused '--part: not together with --mount' --part 1/2
expect_refusal 2 '--name: needs --digest.*or --mount' "$tool" --name x disk.raw
expect_refusal 2 '--mount' "$tool" disk.raw --mount
expect_status 0 "$tool" -O qcow2 --measure disk.raw

# While a file is read piece by piece, nothing is compared with the digests of a plan.
if type -P nbdkit >/dev/null; then
  "$tool" --save-plan plan --save-manifest manifest disk.raw >image
  serve sock file disk.raw
  expect_refusal 4 'cannot be mounted as the plan says: .*--assume-unchanged' "$tool" --mount at --plan plan nbd+unix:///?socket=sock
  same image <("$tool" --plan plan nbd+unix:///?socket=sock)
  "$tool" --save-plan timeless --save-manifest another nbd+unix:///?socket=sock >image
  expect_refusal 4 'cannot be mounted as the plan says: .*--assume-unchanged' "$tool" --mount at --plan timeless disk.raw
fi

if [[ -e /dev/fuse && -r /dev/fuse && -w /dev/fuse ]]; then
  expect_refusal 1 'nowhere: cannot be mounted on: No such file' "$tool" --mount nowhere disk.raw
  expect_refusal 1 'disk.raw: cannot be mounted on: is not a directory' "$tool" --mount disk.raw disk.raw
fi
# Who may not use the device hears which mode it has.
if [[ $EUID == 0 && -e /dev/fuse && $(stat -c %a /dev/fuse) == 600 ]] && type -P setpriv >/dev/null; then
  chmod 755 "$dir"
  chmod 644 disk.raw
  chmod 777 at
  as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
  if as_nobody test -x "$tool" && as_nobody "$tool" --version >/dev/null 2>&1; then
    expect_refusal 1 '/dev/fuse: .*Permission denied.*mode is 0600' as_nobody "$tool" --mount at disk.raw
  fi
fi

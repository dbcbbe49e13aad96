#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --plan with what only an increment has: a top image that is read alone, and a backing file.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io
truncate -s 4M base.raw
data base.raw 0 1*M
qemu-img create -q -f qcow2 -b base.raw -F raw top.qcow2
qemu-io -f qcow2 -c 'write -q -P 3 2M 1M' top.qcow2

# The plan of the whole disk needs what lies below the top image.
"$tool" -f qcow2 --save-plan whole top.qcow2 >wanted
expect_refusal 2 '--shallow: the plan whole was made without it; leave it out' \
  "$tool" -f qcow2 --shallow --plan whole top.qcow2
"$tool" -f qcow2 --base base.raw --save-plan compared --measure=size top.qcow2 >size
expect_refusal 2 '--shallow: the plan compared was made without it' \
  "$tool" -f qcow2 --shallow --plan compared top.qcow2
"$tool" -f qcow2 --plan whole top.qcow2 >image
same image wanted

# That of the top image does not, and may have it.
"$tool" -f qcow2 --shallow -B base.raw -F raw --save-plan top top.qcow2 >wanted
"$tool" -f qcow2 --plan top top.qcow2 >image
same image wanted
mkdir alone
cp --preserve=timestamps top.qcow2 alone
"$tool" -f qcow2 --shallow --plan top alone/top.qcow2 >image
same image wanted

# The backing file stands in the plan only, and is not overwritten.
"$tool" -f qcow2 --shallow -B "$PWD/base.raw" -F raw --save-plan top --measure=size top.qcow2 >size
cp base.raw before
status=0
"$tool" -f qcow2 --plan top top.qcow2 1<>base.raw 2>stderr || status=$?
[[ $status == 1 ]]
expect_stderr 'base.raw: cannot be read: standard output writes to it'
same base.raw before
expect_refusal 1 'base.raw: cannot be written: it is .*base.raw' \
  "$tool" -f qcow2 --plan top --digest sha256=base.raw top.qcow2
same base.raw before

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A command line that makes no sense: status 2, the name of the option, and nothing is made.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

truncate -s 1M disk.raw
data disk.raw 0 100
"$tool" disk.raw >image.qcow2
cp disk.raw old.raw

# refused PATTERN ARGUMENT...
refused() { expect_refusal 2 "$1" from_pipe image.qcow2 "${@:2}"; }

refused 'TARGET is missing'
refused 'TARGET is missing' --apply
refused 'TARGET is missing' ''
refused 'other.raw: unexpected argument.*-i new.raw' new.raw other.raw
refused 'did you mean --progress=new.raw' --progress new.raw other.raw
refused '--frobnicate' --frobnicate new.raw
refused '--clobber: .*--overwrite' --clobber new.raw
# Beginnings of our names by which other programs mean something else.
refused '--target: unknown option; TARGET is the operand' --target new.raw
refused '--target=new.raw: unknown option; TARGET is the operand' --target=new.raw
refused '--force: unknown option; did you mean --overwrite' --force new.raw
refused '-f: .*always qcow2' -f qcow2 new.raw
refused '-Z' -Z new.raw
for option in -i --chain -l --size --expect-digest --spool-memory --spool-dir --max-size --connections --requests \
  --timeout --report --limit-rate -T; do
  refused "${option//-/\\-}" new.raw $option
done
for option in --size --spool-memory --max-size --limit-rate; do refused "$option" $option 1kB new.raw; done
for option in --connections --requests --timeout; do
  for count in 0 -1 x '' 99999999; do refused "$option" $option "$count" new.raw; done
done
for threads in -1 x '' 1.5 99999999999; do refused '-T, --threads' -T "$threads" new.raw; done
refused '-p, --progress' --progress=1 new.raw
refused '-p, --progress' --progress=77 new.raw
refused '--report' --report=1 new.raw

refused 'new.raw: unexpected argument; --check' --check new.raw
for option in --apply --skip-equal --compare --verify --overwrite --target-is-zero --no-sparse; do
  refused "$option: not together with --check" --check $option
done
for option in --skip-equal --verify --overwrite --target-is-zero --no-sparse; do
  refused "$option: not together with --compare" --compare $option old.raw
done
for option in --overwrite --target-is-zero; do
  refused "$option: not together with --apply" --apply $option old.raw
  refused "$option: not together with --skip-equal" --skip-equal $option old.raw
done
refused '--chain: needs one -i' --chain . new.raw
refused '--chain: needs one -i' --chain . -i a -i b new.raw
refused '--chain: ' --chain . -i - new.raw
refused '--chain: not together with --apply' --chain . -i image.qcow2 --apply old.raw
refused '--ignore-names: ' --ignore-names new.raw
refused '-i, --input: ' -i - -i - new.raw
refused '--size: ' --size 5 -i a -i b new.raw
same old.raw disk.raw
is_not_there new.raw

# --flush is what it does anyway.
expect_status 0 from_pipe image.qcow2 --flush new.raw
same new.raw disk.raw

# --max-size
expect_refusal 1 'too large' from_pipe image.qcow2 --max-size 1023k other.raw
expect_refusal 1 'too large' "$from_stdin" -i image.qcow2 --max-size 1023k other.raw
is_not_there other.raw
expect_status 0 from_pipe image.qcow2 --max-size 1M other.raw

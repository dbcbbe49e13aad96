#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --progress=FD: lines N/100, never backwards, and 100/100 after success.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 64M disk.raw
data disk.raw 1*M 20*M

# good FILE: lines of the form, in order.
good() {
  [[ -s $1 ]] || fail "no progress in $1"
  ! grep -Evx -e '[0-9]{1,2}/100|100/100' "$1" || fail "a line that is no progress"
  sort -nc "$1" || fail "progress goes backwards"
}

for options in '' '-T 4' '-T 1 --scan none' '--scan holes' '--offset 5M' '--length 100' \
  '--compress' '--compress=zstd --spool-memory 0' '--compress --offset 5M'; do
  # shellcheck disable=SC2086
  "$tool" $options --progress=3 disk.raw 3>lines >image 2>stderr
  expect_silence
  good lines
  [[ $(tail -n 1 lines) == 100/100 ]] || fail "the end is not 100/100: $(tail -n 1 lines)"
  [[ $(grep -c 100/100 lines) == 1 ]]
  # shellcheck disable=SC2086
  same image <("$tool" $options disk.raw)
done

# Compressing in the survey is most of the way, and so are measuring, and writing what was not kept.
for options in '--compress=zlib:5' '--compress=zlib:5 --spool-memory 0' '--compress=zlib:5 --measure=size'; do
  # shellcheck disable=SC2086
  "$tool" $options --progress=3 disk.raw 3>lines >image
  good lines
  (($(sort -u lines | wc -l) > 2)) || fail "only, with $options: $(<lines)"
done

# What the survey reads counts, not where on the disk it is.
truncate -s 1T sparse.raw
data sparse.raw 0 40*M
"$tool" --compress=zlib:6 --progress=3 sparse.raw 3>lines >image
good lines
(($(grep -cE '^([2-7][0-9])/100' lines) > 1)) || fail "of a sparse disk only: $(<lines)"

# Standard error is a descriptor like any other. Who reads slowly sees more than the end.
slowly() { while [[ $(dd bs=1M count=1 iflag=fullblock status=none | wc -c) != 0 ]]; do sleep 0.1; done; }
"$tool" --progress=2 disk.raw 2>lines | slowly
good lines
(($(sort -u lines | wc -l) > 5)) || fail "only: $(<lines)"

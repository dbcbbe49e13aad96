#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Pipes, sockets, files: the same bytes, also where standard output does not block.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 12M disk.raw
data disk.raw 0 5*M
data disk.raw 9*M 2000001
for options in '' '-c 512' '--offset 12345'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw | cat >wanted
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >image
  same image wanted
  for kind in pipe socket; do
    for mode in blocking non-blocking; do
      # shellcheck disable=SC2086
      "$helpers/odd_output.py" "$kind" "$mode" "$tool" $options disk.raw >received 2>stderr ||
        fail "status $? with a $mode $kind"
      expect_silence
      same received wanted
    done
  done
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# On a terminal of any width and kind the bar is one line that is never longer, on one scale; a dumb terminal gets no
# escape sequences.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
name=a-disk-with-a-rather-long-name-of-which-only-the-end-is-shown.raw
truncate -s 1G "$name"
data "$name" 0 60*M
export IMAGE=$dir/image
on_terminal() { python3 "$helpers/terminal.py" "$@" >shown; }

# frames FILE: what is painted, one frame a line, without what erases.
frames() { tr '\r' '\n' <"$1" | sed 's/\x1b\[K//g; s/ *$//' | grep .; }

for columns in 132 80 60 40 20; do
  for TERM in xterm dumb ''; do
    export TERM
    on_terminal $columns "$tool" --compress=zlib:6 "$name"
    frames shown >lines
    longest=$(wc -L <lines)
    ((longest < columns)) || fail "$longest columns of $columns with TERM=$TERM: $(sort -u lines)"
    (($(grep -c '%' lines) > 2)) || fail "no bar with $columns columns"
    grep -oE '[0-9]+%' lines | tr -d % | sort -nc || fail "more than one scale: $(<lines)"
    # The last frame is the only one that ends a line, so nothing has been wrapped.
    [[ $(wc -l <shown) == 1 && $(tail -n 1 lines) == *'100%'* ]] || fail "not one line: $(<shown)"
    bars=$(grep -oE '\[[=> ]*\]' lines | awk '{ print length }' | sort -u)
    [[ $(wc -w <<<"$bars") == 1 ]] || fail "bars of several lengths: $bars"
    ((bars >= 12)) || fail "a bar of $bars columns"
    if [[ $TERM == xterm ]]; then
      grep -q $'\x1b' shown || fail "nothing erases"
    else
      ! grep -q $'\x1b' shown || fail "escapes for TERM=$TERM"
    fi
  done
done

# A message in between takes the bar away first, and a run without one has nothing to erase.
TERM=xterm
status=0
on_terminal 80 "$tool" missing.raw || status=$?
[[ $status == 1 && $(<shown) == 'qcow2-to-stdout: missing.raw: '* ]] || fail "shown: $(<shown)"
# What is said while there is a bar stands in its place.
for TERM in xterm dumb; do
  while touch "$name"; do sleep 0.05; done &
  job=$!
  status=0
  on_terminal 80 "$tool" --compress=zlib:6 "$name" || status=$?
  end_process $job
  [[ $status == 3 ]] || fail "status $status"
  grep -q '%' shown || fail "no bar: $(<shown)"
  [[ $(tail -n 1 shown | tr '\r' '\n' | sed 's/\x1b\[K//g' | tail -n 1) == 'qcow2-to-stdout: '*' discard it' ]] ||
    fail "shown: $(<shown)"
done

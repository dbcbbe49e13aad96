#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The headings of the options in the manual are those of the table: letter, name and value.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

# The line behind each .TP of the section OPTIONS, without roff.
cat >headings.py <<'END'
import re, sys

inside = False
tagged = False
for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip("\n")
    if line.startswith(".SH"):
        inside = line == ".SH OPTIONS"
    if inside and tagged:
        macro, rest = line.split(" ", 1)
        words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', rest)]
        text = (" " if macro == ".B" else "").join(words)
        print(re.sub(r"\\f.", "", text).replace("\\-", "-"))
    tagged = line == ".TP"
END
for name in qcow2-to-stdout qcow2-from-stdin; do
  python3 headings.py "$source_root/man/$name.1" | sort >manual
  "$COMPLETIONS-$name" headings | sort >table
  (($(wc -l <table) > 25))
  diff table manual || fail "$name: headings of the manual (>) are not those of the table (<)"
done

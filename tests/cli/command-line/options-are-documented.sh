#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --help, the program and the manual know the same options.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

long() { grep -oE -e '--[a-z][a-z0-9-]+' | sort -u; }
same_options() { diff help.options "$1.options" >differences || fail "--help and $1: $(<differences)"; }

check_program() {
  local name=$1 program=$2
  "$program" --help >help
  long <help >help.options
  (($(wc -l <help.options) > 15))

  # The program knows each (an option without its value is another mistake than an unknown one).
  while read -r option; do
    "$program" "$option" -Z >stdout 2>stderr || true
    ! grep -Eiq -e "$option\b.*(unknown|invalid|unexpected)" stderr ||
      fail "$name does not know $option"
  done <help.options

  # The manual defines them in tagged paragraphs, examples and other programs' options aside.
  sed -e 's/\\-/-/g; s/\\f[A-Z]//g; s/\\f([A-Z]*//g; s/"//g' "$source_root/man/$name.1" >manual
  awk '/^\.SH/ { inside = 0 } /^\.SH OPTIONS/ { inside = 1 }
       inside && tag { print; tag = 0 }
       inside && /^\.(TP|TQ)/ { tag = 1 }
       inside && /^\.It Fl/ { gsub(/Fl -/, "--"); print }' manual | long >man.options
  same_options man
}
check_program qcow2-to-stdout "$tool"
check_program qcow2-from-stdin "$from_stdin"

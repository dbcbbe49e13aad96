#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A bit that is flipped of an image or of its manifest is found, or makes no difference. Here some of them;
# tests/by-hand/flipped_bits.py does all.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
flipped_bits() {
  QCOW2_TO_STDOUT=$tool QCOW2_FROM_STDIN=$from_stdin \
    python3 "$source_root/tests/by-hand/flipped_bits.py" "$@" >table || fail "$(<table)"
  [[ $(wc -l <table) == 5 ]] || fail "$(<table)"
}
sanitized && every=1009 || every=31
flipped_bits --every "$every"
flipped_bits --every $((every * 67)) --by-program

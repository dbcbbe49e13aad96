#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same program under valgrind: nothing is read that was not written, and nothing is lost.
# shellcheck source-path=SCRIPTDIR source=program.sh
. "$(dirname "$0")/program.sh" || exit 1

need valgrind
! sanitized || skip "valgrind and sanitizers exclude each other"
run_c_program valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect,possible \
  --errors-for-leak-kinds=definite,indirect,possible --fair-sched=try

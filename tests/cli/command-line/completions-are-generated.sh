#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# completions/ has what the table of options says; ./dev completions makes it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

for name in qcow2-to-stdout qcow2-from-stdin; do
  for shell in bash zsh fish; do
    case $shell in
      zsh) file=_$name ;;
      *) file=$name.$shell ;;
    esac
    "$COMPLETIONS-$name" $shell >generated
    diff "$source_root/completions/$file" generated || fail "completions/$file is out of date: run ./dev completions"
  done
  if "$COMPLETIONS-$name" tcsh >stdout 2>stderr; then
    fail "there is no tcsh"
  fi
  expect_stderr 'usage'
done

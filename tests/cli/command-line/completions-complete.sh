#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each shell really completes options, their values, files and directories.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

: >disk.raw
mkdir disks

# complete_SHELL WORD...: the last word's completions, one a line.
complete_bash() {
  # shellcheck disable=SC2016 # the inner shell expands it
  bash --norc -c '. "$1" && shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _qcow2_to_stdout 2>/dev/null
    [[ ${#COMPREPLY[@]} == 0 ]] || printf "%s\n" "${COMPREPLY[@]}"' \
    bash "$source_root/completions/qcow2-to-stdout.bash" qcow2-to-stdout "$@"
}
complete_fish() {
  local line=qcow2-to-stdout word
  for word; do line+=" $word"; done
  # fish has no file of the program then but this one.
  XDG_CONFIG_HOME=$PWD/config XDG_DATA_HOME=$PWD/data fish --no-config -c \
    "source '$source_root/completions/qcow2-to-stdout.fish'; complete -C '$line'" | cut -f1
}
# zsh completes in a terminal only, so it has one of its own (zpty) and lists what there is.
complete_zsh() {
  local line=qcow2-to-stdout word
  for word; do line+=" $word"; done
  cat >complete.zsh <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; stty -echo; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D -d $PWD/dump
compdef _qcow2-to-stdout qcow2-to-stdout; LISTMAX=1000; bindkey '^I' list-choices; print rea''dy"
while zpty -r shell output; do [[ $output == *ready* ]] && break; done
zpty -w -n shell "$2"$'\t'
typeset -F SECONDS=0
all=
while (( SECONDS < 20 )); do
  while zpty -r -t shell output; do all+=$output; done
  [[ $all == *$'\n'* && SECONDS -gt 1 ]] && break
  sleep 0.1
done
zpty -d shell
print -r -- "$all"
END
  zsh -f complete.zsh "$source_root/completions" "$line" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | tr -s ' \r' '\n'
}

# offers WORD... : COMPLETION...: all of these are among the completions of the words.
offers() {
  local words=()
  while [[ $1 != : ]]; do words+=("$1") && shift; done
  shift
  "complete_$shell" "${words[@]}" >completions
  for completion; do
    grep -qxF -e "$completion" completions || fail "$shell: ${words[*]}: no $completion in $(<completions)"
  done
}
# offers_not WORD... : COMPLETION
offers_not() {
  "complete_$shell" "${@:1:$#-2}" >completions
  ! grep -qxF -e "${*: -1}" completions || fail "$shell: ${*:1:$#-2}: ${*: -1}"
}

skipped=()
for shell in bash zsh fish; do
  if ! command -v $shell >/dev/null; then
    skipped+=("$shell")
    continue
  fi
  offers --sc : --scan
  offers --scan '' : zeros holes none
  offers_not --scan '' : disk.raw
  offers --cluster-size 12 : 128k
  offers -f qc : qcow2 qcow
  offers --map di : disk.raw
  directory=disks/
  [[ $shell != bash ]] || directory=disks # the shell itself adds the slash
  offers --spool-dir di : "$directory"
  offers_not --spool-dir di : disk.raw
  offers di : disk.raw
done
shell=bash
offers --measure = j : json
offers --measure=j : --measure=json
offers --run ls : ls
offers -- di : disk.raw
offers --com : --compress --compress=
offers_not --blockdev di : disk.raw
if command -v fish >/dev/null; then
  shell=fish
  offers --measure=j : --measure=json
fi
[[ ${#skipped[@]} == 0 ]] || skip "not installed: ${skipped[*]}"

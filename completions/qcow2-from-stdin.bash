# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bash completion for qcow2-from-stdin. Needs no bash-completion package.
# Made by ./dev completions of the program's table of options.

_qcow2_from_stdin() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} option="" prefix="" word words=""
  COMPREPLY=()

  # "--option=value" comes as three words where "=" is in COMP_WORDBREAKS (the default), else as one.
  if [[ $cur == "=" ]]; then
    option=$prev cur=""
  elif [[ $prev == "=" ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $cur == --*=* ]]; then
    option=${cur%%=*} prefix=${cur%%=*}= cur=${cur#*=}
  else
    # These options have a value that is the next word. Optional values are attached.
    case $prev in
      -i | --input | --chain | -l | --snapshot | --size | --expect-digest | --spool-memory | --spool-dir | \
        --manifest | --expect-root | --base-manifest | --save-manifest | --max-size | --connections | \
        --requests | --timeout | --limit-rate | --report | -T | -j | --threads)
        option=$prev
        ;;
    esac
  fi

  # What stands behind "--" is an operand.
  for ((word = 1; word < COMP_CWORD; word++)); do
    if [[ ${COMP_WORDS[word]} == -- ]]; then
      option=operand
    fi
  done
  if [[ -z $option && $cur != -* ]]; then
    option=operand
  fi

  case $option in
    --expect-digest) words="sha256 sha512 blake2b sha1 md5 crc32c crc64nvme" ;;
    --progress) words="2 3" ;;
    -T | -j | --threads) words="0 1 2 4 8 16" ;;
    -i | --input | --manifest | --base-manifest | --save-manifest | --report | operand)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -P "$prefix" -- "$cur")
      return
      ;;
    --chain | --spool-dir)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -P "$prefix" -- "$cur")
      return
      ;;
    "")
      words="-i --input --chain --ignore-names -l --snapshot --size --expect-digest --isolate --salvage
        --ignore-root --spool-memory --spool-dir --manifest --expect-root --base-manifest --trust-target
        --save-manifest --apply --skip-equal --compare --no-image --check --verify --overwrite
        --target-is-zero --no-sparse --max-size -U --force-share --connections --requests --timeout
        --limit-rate -p --progress --progress= -q --quiet --report --verbose -T -j --threads -h --help -V
        --version"
      ;;
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$cur")
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}

complete -F _qcow2_from_stdin qcow2-from-stdin

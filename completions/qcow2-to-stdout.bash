# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bash completion for qcow2-to-stdout. Needs no bash-completion package.
# Made by ./dev completions of the program's table of options.

_qcow2_to_stdout() {
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
      -f | --input-format | -l | --snapshot | --blockdev | --object | --scan | --map | --leave-out | \
        --connections | --requests | --timeout | --size | -c | --cluster-size | -r | --refcount-bits | -v | \
        --qcow2-version | --deflate-window | -B | --backing-file | -F | --backing-format | --base | \
        --base-format | --dirty-bitmap | --changed-map | --base-manifest | --offset | --length | --part | \
        --mount | -O | --output-format | --if-match | --save-plan | --plan | --run | --digest | --name | \
        --save-manifest | --manifest-chunk | --report | -T | -j | --threads | --limit-rate | --spool-memory | \
        --spool-dir)
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
    -f | --input-format) words="raw auto qcow2 vmdk vdi vhdx vpc qed qcow parallels dmg bochs cloop" ;;
    --scan) words="zeros holes none" ;;
    --leave-out) words="free swap free,swap" ;;
    -c | --cluster-size) words="512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M" ;;
    -r | --refcount-bits) words="1 2 4 8 16 32 64" ;;
    -v | --qcow2-version) words="2 3" ;;
    --compress) words="zlib zstd keep" ;;
    --deflate-window) words="4k 32k" ;;
    -F | --backing-format) words="qcow2 raw" ;;
    --base-format) words="raw auto qcow2 vmdk vdi vhdx vpc qed qcow parallels dmg bochs cloop" ;;
    --measure) words="human json size id root" ;;
    -O | --output-format) words="qcow2 raw" ;;
    --digest) words="sha256 sha512 blake2b sha1 md5 crc32c crc64nvme" ;;
    --manifest-chunk) words="64k 256k 1M 4M 16M" ;;
    --progress) words="2 3" ;;
    -T | -j | --threads) words="0 1 2 4 8 16" ;;
    --map | --data-file | -B | --backing-file | --base | --changed-map | --base-manifest | --save-plan | \
      --plan | --name | --save-manifest | --report | operand)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -P "$prefix" -- "$cur")
      return
      ;;
    --mount | --spool-dir)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -P "$prefix" -- "$cur")
      return
      ;;
    --run)
      mapfile -t COMPREPLY < <(compgen -c -P "$prefix" -- "$cur")
      return
      ;;
    "")
      words="-f --input-format -l --snapshot --blockdev --object -U --force-share --isolate --salvage --scan
        --allocated --map --no-extents --leave-out --connections --requests --timeout --size -c
        --cluster-size -r --refcount-bits -v --qcow2-version -d --data-file --data-file= -R --data-file-raw
        --extended-l2 --bitmaps --compress --compress= --deflate-window -B --backing-file -F --backing-format
        --base --base-format --dirty-bitmap --shallow --shallow= --changed-map --base-manifest --read-all
        --offset --length --part --measure --measure= --mount -O --output-format --allow-changes --if-match
        --save-plan --plan --assume-unchanged --run --flush --digest --name --save-manifest --manifest-chunk
        --no-root-trailer -p --progress --progress= -q --quiet --report --verbose -T -j --threads
        --limit-rate --spool-memory --spool-dir -h --help -V --version"
      ;;
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$cur")
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}

complete -F _qcow2_to_stdout qcow2-to-stdout

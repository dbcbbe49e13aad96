# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bash completion for qcow2-to-stdout. Needs no bash-completion package.

_qcow2_to_stdout() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} option="" prefix="" word
  COMPREPLY=()

  # "--option=value" comes as three words where "=" is in COMP_WORDBREAKS (the default), else as one.
  if [[ $cur == "=" ]]; then
    option=$prev cur=""
  elif [[ $prev == "=" ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $cur == --*=* ]]; then
    option=${cur%%=*} prefix=${cur%%=*}= cur=${cur#*=}
  else
    # An option whose value is the next word. Optional values are attached, so they are not here.
    case $prev in
      -f | --input-format | --blockdev | --object | --connections | --requests | --timeout | --scan | --size | --map | \
        --spool-dir | --spool-memory | --deflate-window | -c | --cluster-size | -r | --refcount-bits | \
        -B | --backing-file | -F | --backing-format | --base | --base-format | --dirty-bitmap | --changed-map | \
        -v | --qcow2-version | --offset | --length | --if-match | --run | --digest | --name | --report | -T | -j | --threads)
        option=$prev
        ;;
    esac
  fi

  # What stands behind "--" is DISK.
  for ((word = 1; word < COMP_CWORD; word++)); do
    if [[ ${COMP_WORDS[word]} == -- ]]; then
      option=disk
    fi
  done

  local words=""
  case $option in
    -f | --input-format) words="raw auto qcow2 vmdk vdi vhdx vpc qed qcow parallels dmg bochs cloop" ;;
    --scan) words="zeros holes none" ;;
    -c | --cluster-size) words="512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M" ;;
    -r | --refcount-bits) words="1 2 4 8 16 32 64" ;;
    -v | --qcow2-version) words="2 3" ;;
    -F | --backing-format) words="qcow2 raw" ;;
    --base-format) words="raw auto qcow2 vmdk vdi vhdx vpc qed" ;;
    --dirty-bitmap) return ;;
    --measure) words="human json size id" ;;
    --digest) words="sha256 sha512 blake2b sha1 md5 crc32c crc64nvme" ;;
    --progress) words="2 3" ;;
    -T | -j | --threads) words="0 1 2 4 8 16" ;;
    --size | --offset | --length | --if-match | --blockdev | --object | --connections | --requests | --timeout | --spool-memory) return ;;
    --deflate-window) words="4k 32k" ;;
    --compress) words="zlib zstd" ;;
    --run)
      mapfile -t COMPREPLY < <(compgen -c -P "$prefix" -- "$cur")
      return
      ;;
    --spool-dir)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -P "$prefix" -- "$cur")
      return
      ;;
    --data-file | --map | --plan | --save-plan | --changed-map | -B | --backing-file | --base | --name | --report | disk)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -P "$prefix" -- "$cur")
      return
      ;;
    "")
      if [[ $cur == -* ]]; then
        words="-f --input-format --blockdev --object -U --force-share --isolate --connections --requests --timeout
          --scan --allocated --no-extents --size --map
          -c --cluster-size -r --refcount-bits -v --qcow2-version
          -d --data-file --data-file= -R --data-file-raw
          -B --backing-file -F --backing-format --base --base-format
          --dirty-bitmap --shallow --changed-map --extended-l2
          --offset --length --measure --measure= --if-match --run --flush --digest --name --allow-changes
          --save-plan --plan --assume-unchanged
          -p --progress --progress= -q --quiet --report --verbose -T -j --threads --spool-dir
          --spool-memory --compress --compress= --deflate-window
          -h --help -V --version"
      else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -P "$prefix" -- "$cur")
        return
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$cur")
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}

complete -F _qcow2_to_stdout qcow2-to-stdout

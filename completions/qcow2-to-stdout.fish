# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fish completion for qcow2-to-stdout.

complete -c qcow2-to-stdout -s f -l input-format -x -a raw -d 'Format of DISK'
complete -c qcow2-to-stdout -l scan -x -a 'zeros\t"Leave out clusters that read as zeros (default)" holes\t"Leave out what the disk says is a hole" none\t"Allocate everything"' -d 'What needs no space'
complete -c qcow2-to-stdout -l allocated -d 'Allocate everything, same as --scan none'
complete -c qcow2-to-stdout -l no-extents -d 'Do not ask the disk for holes'
complete -c qcow2-to-stdout -l size -x -d 'Size of standard input'
complete -c qcow2-to-stdout -s c -l cluster-size -x -a '512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M' -d 'Cluster size in bytes'
complete -c qcow2-to-stdout -s r -l refcount-bits -x -a '1 2 4 8 16 32 64' -d 'Width of a reference count'
complete -c qcow2-to-stdout -s v -l qcow2-version -x -a '2 3' -d 'Version of the format'
# Optional values are attached, so these options stand alone and with "=".
complete -c qcow2-to-stdout -s d -l data-file -d 'Describe DISK as an external data file'
complete -c qcow2-to-stdout -s R -l data-file-raw -d 'External data file that is a raw image by itself'
complete -c qcow2-to-stdout -l offset -x -d 'First byte of the image to write'
complete -c qcow2-to-stdout -l length -x -d 'Number of bytes of the image to write'
complete -c qcow2-to-stdout -l measure -d 'Print the exact size, write no image'
complete -c qcow2-to-stdout -f -n 'string match -q -- "--measure*" (commandline -ct)' -a '--measure=human --measure=json --measure=size'
complete -c qcow2-to-stdout -l if-match -x -d 'Refuse unless the image has this image-id'
complete -c qcow2-to-stdout -s p -l progress -d 'Show progress, or write it to a file descriptor'
complete -c qcow2-to-stdout -s q -l quiet -d 'No warnings and no progress'
complete -c qcow2-to-stdout -l verbose -d 'Say what is done'
complete -c qcow2-to-stdout -s T -s j -l threads -x -a '0 1 2 4 8 16' -d 'Worker threads, 0 for all cores'
complete -c qcow2-to-stdout -l spool-dir -x -a '(__fish_complete_directories)' -d 'Where standard input is kept'
complete -c qcow2-to-stdout -s h -l help -d 'Show the options'
complete -c qcow2-to-stdout -s V -l version -d 'Show the version'

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks and images that cannot be read, or are not what they were or should be, from QEMU and from NBD
# servers; and what happens where QEMU is not installed.
# shellcheck source-path=SCRIPTDIR source=../../lib/failing-sources.sh
. "$(dirname "$0")/../../lib/failing-sources.sh" || exit 1

# --- Reads that fail -----------------------------------------------------------------------------

for options in '' '--scan none'; do
  phase=survey
  [[ -z $options ]] || phase=emission
  for sector in 0 24064 49024; do
    # shellcheck disable=SC2086
    fault "QEMU: sector $sector cannot be read, $phase" 'read.*offset [0-9]+ .*input/output error' \
      "$announced" $options --blockdev "$(bad_sector $sector)"
  done
  # shellcheck disable=SC2016  # nbdkit's shell expands it
  serve socket eval get_size='echo 2097152' \
    pread='if [ -e fail ] && [ "$4" -le "$(cat fail)" ] && [ "$(($4 + $3))" -gt "$(cat fail)" ]
           then echo EIO cannot >&2; exit 1; fi
           dd if=small.raw iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=64k 2>dd.log'
  for offset in 0 983040 2031616; do
    echo $offset >fail
    # shellcheck disable=SC2086
    fault "NBD: byte $offset cannot be read, $phase" 'read.*offset [0-9]+ .*input/output error' \
      "$announced_small" $options 'nbd+unix:///?socket=socket'
  done
  rm fail
  end_process "$server"
done
# Of several reads that fail the one is named whose answer came first: one at a time has one place.
one_at_a_time='-T 1 --connections 1 --requests 1'
for error in EIO EPERM ENOMEM ESHUTDOWN; do
  serve socket --filter=error file disk.raw error=$error error-pread-rate=100% error-pread-file=fail
  touch fail
  # shellcheck disable=SC2086
  fault "NBD: every read gives $error" 'read.*offset 0 ' "$announced" 'nbd+unix:///?socket=socket' $one_at_a_time
  rm fail
  begin 10000 'nbd+unix:///?socket=socket'
  touch fail
  finish_run
  judge "NBD: every read gives $error from the middle on" \
    "$([[ $error == ESHUTDOWN ]] && echo 1 || echo 3)" 'read.*offset [0-9]+ .*incomplete' "$announced"
  rm fail
  end_process "$server"
done
serve socket --filter=error file disk.raw error-extents-rate=100%
fault "NBD: asking for holes fails" 'holes.*(input/output error)' "$announced" 'nbd+unix:///?socket=socket'
end_process "$server"

# --- Disks that are not what they were or should be ----------------------------------------------

cp disk.raw shrinking.raw
serve socket file shrinking.raw
begin 10000 'nbd+unix:///?socket=socket'
truncate -s 1M shrinking.raw
finish_run
judge "NBD: the disk is cut short in the middle" 3 'read.*offset [0-9]+ ' "$announced"
end_process "$server"

for format in qcow2 vmdk; do
  qemu-img convert -f raw -O $format disk.raw $mark/shrinking.$format
  begin 10000 -f $format $mark/shrinking.$format
  truncate -s 1M $mark/shrinking.$format
  finish_run
  judge "-f $format: the file is cut short in the middle" '[13]' 'changed|read' "$announced"
done

head -c 100000 /dev/urandom >$mark/noise
cp $mark/disk.qcow2 $mark/no-table.qcow2
printf '\xff\xff\xff\xff' | dd of=$mark/no-table.qcow2 bs=1 seek=44 conv=notrunc status=none
cp $mark/disk.qcow2 $mark/bad-entry.qcow2
l1=$(od -An -tu8 --endian=big -j40 -N8 $mark/bad-entry.qcow2)
l2=$(od -An -tx8 --endian=big -j"$((l1))" -N8 $mark/bad-entry.qcow2)
printf '\x80\xff\xff\xff\xff\xff\x02\x00' |
  dd of=$mark/bad-entry.qcow2 bs=1 seek=$(((0x${l2// /} & 0xfffffffffff) + 100 * 8)) conv=notrunc status=none
qemu-img create -q -u -f qcow2 -b missing-base.raw -F raw $mark/orphan.qcow2 24M
fault "-f qcow2: noise" 'does not begin as a qcow2 image does' "$announced" -f qcow2 $mark/noise
fault "-f vmdk: noise" '.' "$announced" -f vmdk $mark/noise
fault "-f qcow2: a table that is too large" 'L1|large' "$announced" -f qcow2 $mark/no-table.qcow2
fault "-f qcow2: an entry that points nowhere, survey" 'offset 6553600 .* is not that of a cluster' "$announced" -f qcow2 $mark/bad-entry.qcow2
fault "-f qcow2: an entry that points nowhere, emission" 'offset 6553600 .* is not that of a cluster' \
  "$announced" --scan none -f qcow2 $mark/bad-entry.qcow2
fault "-f qcow2: no backing file" 'missing-base.raw' "$announced" -f qcow2 $mark/orphan.qcow2
fault "-f qcow2: no file" 'No such file' "$announced" -f qcow2 $mark/missing.qcow2
fault "-f qcow2: a directory" 'director|regular file' "$announced" -f qcow2 $mark
fault "-f no-such-format" 'no-such-format' "$announced" -f no-such-format $mark/disk.qcow2
fault "-f auto: no file" 'No such file' "$announced" -f auto $mark/missing.qcow2
fault "--blockdev: no such driver" 'no-such-driver' "$announced" --blockdev '{"driver":"no-such-driver"}'
fault "--blockdev: no driver" 'driver' "$announced" --blockdev '{}'
exec {lock}<>$mark/disk.qcow2
python3 -c 'import fcntl, struct, sys, time
# The byte that QEMU locks where it has an image open for writing (F_OFD_SETLK, 100 + 1).
fcntl.fcntl(0, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 101, 1, 0))' <&$lock
fault "-f qcow2: another QEMU writes to it" 'is in use' "$announced" -f qcow2 $mark/disk.qcow2
exec {lock}<&-
if [[ $EUID == 0 && ${run[0]} == unshare ]] && type -P setpriv >/dev/null; then
  chmod 711 "$dir"
  chmod 000 $mark/disk.qcow2
  as_root=("${run[@]}")
  run=(setpriv --reuid=65534 --regid=65534 --clear-groups ./program)
  fault "-f qcow2: no permission" 'Permission denied' "$announced" -f qcow2 $mark/disk.qcow2
  fault "-f auto: no permission" 'Permission denied' "$announced" -f auto $mark/disk.qcow2
  run=("${as_root[@]}")
  chmod 644 $mark/disk.qcow2
fi

# --- Without QEMU --------------------------------------------------------------------------------

program_path=$dir/nothing
fault "no QEMU: -f vmdk" 'qemu-nbd.*install|install.*qemu-nbd' "$announced" -f vmdk $mark/shrinking.vmdk
fault "no QEMU: -f auto" 'install' "$announced" -f auto $mark/disk.vmdk
fault "no QEMU: --blockdev" 'install' "$announced" --blockdev '{"driver":"null-co"}'
fault "no nbdkit: [ ]" 'nbdkit.*No such file' "$announced" -- [ nbdkit null ]

end_of_table

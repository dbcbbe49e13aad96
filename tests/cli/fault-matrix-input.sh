#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, what is read: errors at the first, a middle and the last cluster, in the survey
# and in the emission, from files, block devices, QEMU, NBD servers and standard input; calls that
# are short, interrupted or have nothing yet.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix.sh
. "$(dirname "$0")/../fault-matrix.sh" || exit 1

readonly first=0 last=$((disk_size - 20 * K))
read_failed='disk.raw: read at offset [0-9]+ failed: input/output error'

# The survey looks at the beginning of a cluster, the emission takes all of it.
for at in $first $middle $last; do
  shim "source:@$at:EIO" raw pipe 1 "$read_failed\$" "survey: file, block at $at"
  for mode in "raw pipe" "raw file" "raw socket blocking" "scan-none pipe"; do
    read -r source output <<<"$mode"
    shim "source:@$((at + 12 * K)):EIO" "$source" "$output" 1 "$read_failed; output is inc" \
      "emission: file, block at $((at + 12 * K))"
  done
  for source in compress compress-twice compress-spool; do
    shim "pread:@$((at + 12 * K)):EIO preadv2:@$((at + 12 * K)):EIO" $source pipe 1 'read at offset' \
      "survey: file, block at $((at + 12 * K))"
  done
done
# What the survey has read and the emission cannot, any more.
for at in $first $middle; do
  for output in pipe file "socket blocking"; do
    shim "pread:@$at:EIO splice:@$at:EIO sendfile:@$at:EIO copy_file_range:@$at:EIO" raw "$output" 3 \
      "changed while it was read \\(offset $at does not read any more\\): .* discard it" "emission only: file, block at $at"
  done
done
for at in $first $middle; do
  shim "source:@$((at + 4 * K)):EIO" base file 1 '(disk|base).raw: read at offset [0-9]+ failed' \
    "survey: both files, block at $((at + 4 * K))"
done
# The first answer comes from the survey, the next one from whoever compresses again.
shim "preadv2:1+:EINVAL pread:25+:EIO" compress-twice pipe 3 'offset [0-9]+ does not read any more.*incomplete' \
  "emission: file, reads from the 25th on"
shim lseek:2:EIO raw pipe 1 'disk.raw: asking for holes at offset [0-9]+ failed'
shim lseek:4:EIO base pipe 1 'asking for holes at offset [0-9]+ failed'

# --- A block device, read through io_uring -------------------------------------------------------

cp disk.raw short.raw
if loop=$(losetup -f --show -r short.raw 2>losetup.log); then
  at_exit losetup -d "$loop"
  arguments[device]="$loop"
  arguments[device-scan-none]="--scan none $loop"
  image_of device
  image_of device-scan-none
  for size in "$last" "$middle" 0; do
    truncate -s "$size" short.raw  # the device keeps its size
    blockdev --flushbufs "$loop"
    run device pipe
    judge "survey: device, from $size on" device pipe 1 "$loop: read at offset [0-9]+ failed: input"
    blockdev --flushbufs "$loop"
    run device-scan-none file
    judge "emission: device, from $size on" device-scan-none file 1 "offset $size failed: input.*incomp"
  done
else
  not_tested "errors of a block device" "$(<losetup.log)"
fi

# --- Servers -------------------------------------------------------------------------------------

# bad_sector N: a block node that cannot read it.
bad_sector() {
  printf '{"driver":"raw","file":{"driver":"blkdebug","inject-error":[{"event":"none",' \
    && printf '"iotype":"read","sector":%s}],"image":{"driver":"file","filename":"%s"}}}' "$1" "$PWD/$mark/disk.raw"
}
ln disk.raw $mark/disk.raw
cp raw.wanted qemu.wanted
cp scan-none.wanted qemu-scan-none.wanted
for at in $first $middle $last; do
  arguments[qemu]="--blockdev $(bad_sector $((at / 512)))"
  arguments[qemu-scan-none]="--scan none ${arguments[qemu]}"
  run qemu pipe
  judge "survey: QEMU, sector at $at" qemu pipe 1 'read at offset [0-9]+ failed: input/output error$'
  run qemu-scan-none file
  judge "emission: QEMU, sector at $at" qemu-scan-none file 1 'read at offset [0-9]+ failed.*incomplete'
done

head -c 1M disk.raw >small.raw
arguments[nbd]="nbd+unix:///?socket=socket"
arguments[nbd-scan-none]="--scan none ${arguments[nbd]}"
arguments[nbd-compress]="--compress ${arguments[nbd]}"
server=
if type -P nbdkit >nbdkit.log; then
  # shellcheck disable=SC2016  # nbdkit's shell expands it
  serve socket eval get_size='echo 1048576' \
    pread='if [ -e fail ] && [ "$4" -le "$(cat fail)" ] && [ "$(($4 + $3))" -gt "$(cat fail)" ]
           then echo EIO cannot >&2; exit 1; fi
           dd if=small.raw iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=64k 2>dd.log'
  for source in nbd nbd-scan-none nbd-compress; do image_of $source; done
  for at in 0 524288 983040; do
    echo $at >fail
    for source in nbd nbd-scan-none nbd-compress; do
      phase=survey
      [[ $source != *none ]] || phase=emission
      run $source pipe
      judge "$phase: nbdkit, byte $at" $source pipe 1 "socket: read at offset [0-9]+ failed: input"
    done
  done
  end_process "$server"
else
  not_tested "errors of an NBD server" "nbdkit is not installed"
fi

# --- Standard input ------------------------------------------------------------------------------

for source in stdin stdin-at-once; do
  shim "read:1:EIO" $source pipe 1 'standard input: read .*failed: input/output error'
  shim "read:9+:EIO" $source file 1 'standard input: read .*failed: input/output error'
  survives "read:1+:short" $source pipe
  survives "read:1+:storm" $source pipe
  survives "read:3:EAGAIN" $source pipe
done
feed=(head -c 1M disk.raw)
run stdin-at-once file
judge "its writer ends too soon" stdin-at-once file '[13]' 'standard input: '
feed=(cat disk.raw disk.raw)
run stdin-at-once file
judge "its writer has too much" stdin-at-once file '[13]' 'standard input: '
feed=(cat disk.raw)
shim "pwrite:3+:ENOSPC" stdin pipe 1 'tmp: write failed: no space left'
shim "pwrite:3+:EIO" stdin pipe 1 'tmp: write failed: input/output error'
shim "tmpfile:1:EIO ftruncate:1:EIO" stdin pipe '[01]' 'tmp: '
survives "pwrite:1+:short pwrite:1+:storm ftruncate:1:EINTR" stdin pipe

# --- What is survived ----------------------------------------------------------------------------

for mode in "raw pipe" "raw file" "scan-none socket blocking" "compress pipe" "compress-twice pipe" \
  "compress-spool file" "base pipe"; do
  read -r source output <<<"$mode"
  survives "pread:1+:short preadv2:1+:EAGAIN" "$source" "$output"
  survives "pread:1+:storm preadv2:1+:storm" "$source" "$output"
  survives "preadv2:1+:short source:1+:storm" "$source" "$output"
done

end_of_table

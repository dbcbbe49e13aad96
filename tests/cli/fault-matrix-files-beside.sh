#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, what is written beside the image: digests, plans, reports and progress that have
# no room, and a file that cannot be opened, written, closed or flushed.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix-beside.sh
. "$(dirname "$0")/../fault-matrix-beside.sh" || exit 1

# --- Before the first byte -----------------------------------------------------------------------

before_first_byte=1
for error in EACCES ENOSPC EROFS EIO; do
  with digest report
  file_fault beside/sum file-open:1+:$error raw pipe 1 '^qcow2-to-stdout: beside/sum: cannot be opened for w'
  with save-plan report
  file_fault beside/plan file-open:1+:$error raw file 1 '^qcow2-to-stdout: beside/plan: cannot be '
  with report
  report_is_lost=1
  file_fault beside/report file-open:1+:$error raw file 1 '^qcow2-to-stdout: beside/report: cannot be op'
  report_is_lost=
done
for old in '' there; do
  with digest report
  file_fault beside/sum file-ftruncate:1:EIO raw pipe 1 '^qcow2-to-stdout: beside/sum: write failed: input'
  with save-plan report
  for after in 0 1 100; do
    for error in ENOSPC EIO; do
      file_fault beside/plan "file-write:>$after:$error" raw file 1 '^qcow2-to-stdout: beside/plan: write fail'
    done
  done
  for error in ENOSPC EIO EDQUOT; do
    file_fault beside/plan file-close:1:$error compress pipe 1 '^qcow2-to-stdout: beside/plan: close failed: '
  done
done
with flush digest
run raw pipe
judge "what cannot be flushed, $options" raw pipe 1 'standard output: cannot be flushed: '
before_first_byte=

# --- After the image -----------------------------------------------------------------------------

with digest report progress
all_is_written=1
for old in '' there; do
  for after in 0 1 70; do
    for error in ENOSPC EIO EDQUOT; do
      file_fault beside/sum "file-write:>$after:$error" raw file 1 \
        '^qcow2-to-stdout: beside/sum: write failed: .*; all [0-9]+ bytes were written, but do not rely on'
    done
  done
  for error in ENOSPC EIO EDQUOT; do
    file_fault beside/sum file-close:1:$error raw pipe 1 \
      '^qcow2-to-stdout: beside/sum: close failed: .*; all [0-9]+ bytes were written, but do not rely on them$'
  done
done
old=
option_words[second]="--digest md5=beside/second"
with digest second report
file_fault beside/second "file-write:>9:ENOSPC" raw file 1 'beside/second: write failed: no space'
file_fault beside/second file-close:1:EIO raw file 1 'beside/second: close failed: input/output error'
option_words[in-one-file]="--digest md5=beside/sum"
with in-one-file digest report
file_fault beside/sum "file-write:>50:ENOSPC" raw file 1 'beside/sum: write failed: no space'
with flush digest report
shim fsync:2:EIO raw file 1 'standard output: flush failed: input/output error; all [0-9]+ bytes were w' \
  "fsync:2:EIO, $options"
shim fsync:2:ENOSPC compress file 1 'standard output: flush failed: no space left on device; all [0-9]+ b' \
  "fsync:2:ENOSPC, $options"
all_is_written=
for error in EIO ENOSPC EDQUOT; do
  shim fsync:1:$error raw file 1 'standard output: flush failed: .*; output is incomplete' \
    "fsync:1:$error, $options"
done

# --- What is survived ----------------------------------------------------------------------------

# A report that cannot be written does not spoil the image.
with report digest
report_is_lost=1
for fault in file-write:1+:ENOSPC file-write:2+:EIO 'file-write:>700:ENOSPC' file-close:1:EIO; do
  file_fault beside/report "$fault" raw pipe 0 ''
done
report_is_lost=
# Nor does progress that nobody sees.
with progress digest
lines_go_to=/dev/full
run raw file
judge "/dev/full, progress" raw file 0 ''
lines_go_to=
with digest save-plan report progress
for file in sum plan report; do
  file_fault beside/$file file-write:1+:storm raw pipe 0 ''
  file_fault beside/$file file-write:1+:short raw file 0 ''
done
with flush digest report
shim fsync:1+:storm raw file 0 '' "fsync:1+:storm, $options"

# --- A real file system that is full -------------------------------------------------------------

if [[ $EUID == 0 ]] && mkdir full && mount -t tmpfs -o size=4k,nr_inodes=2 none full 2>mount.log; then
  at_exit umount "$dir/full"
  : >full/all
  option_words[new-digest-there]="--digest sha256=full/sum"
  option_words[new-plan-there]="--save-plan full/plan"
  with new-digest-there report
  run raw pipe
  judge "a full file system, $options" raw pipe 1 'full/sum: cannot be opened for writing: no space left'
  with new-plan-there report
  run raw pipe
  judge "a full file system, $options" raw pipe 1 'full/plan: cannot be [a-z ]+: no space left'
else
  not_tested "a full file system" "needs root"
fi

end_of_table

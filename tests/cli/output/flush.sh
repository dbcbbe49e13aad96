#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --flush: the output is on its storage before status 0; what cannot be flushed is refused.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 8M disk.raw
data disk.raw 0 5*M
convert disk.raw wanted
convert disk.raw image --flush
same image wanted
"$tool" --flush --offset 1M disk.raw >image
same image <(part wanted 1*M "$(size_of wanted)")
"$tool" --flush --offset "$(size_of wanted)" disk.raw >image

# Refused before the first byte.
status=0
"$tool" --flush disk.raw 2>stderr | cat >stdout || status=$?
[[ $status == 1 && ! -s stdout ]]
expect_stderr 'standard output: cannot be flushed: it is neither a file nor a block device'
status=0
"$tool" --flush disk.raw 2>stderr >/dev/null || status=$?
[[ $status == 1 ]]
expect_stderr 'cannot be flushed'
expect_refusal 2 '--flush: not together with --measure' "$tool" --flush --measure disk.raw

# A block device.
truncate -s 10M device
loop_device device
"$tool" --flush disk.raw >"$loop"
same <(head -c "$(size_of wanted)" "$loop") wanted

# Preloaded libraries and sanitizers do not go together.
if sanitized; then exit 0; fi
# with_faults FAULT OPTION...: status 1 and the message.
with_faults() {
  status=0
  FAULTS=$1 LD_PRELOAD=$FAULT_SHIM "$tool" "${@:2}" disk.raw >image 2>stderr || status=$?
}
# Once before the last piece, which then does not come; once after it.
with_faults fsync:1:EIO --flush
[[ $status == 1 ]] && expect_stderr 'standard output: flush failed: input/output error; output is incomplete'
(($(size_of image) < $(size_of wanted))) || fail "nothing is missing"
with_faults fsync:2:EIO --flush
[[ $status == 1 ]] && expect_stderr 'flush failed: input/output error; all [0-9]+ bytes were written, but'
with_faults fsync:3:EIO --flush
[[ $status == 0 ]] || fail "more than two"
same image wanted
with_faults fsync:1+:storm --flush
[[ $status == 0 ]]
with_faults fsync:1+:EIO
[[ $status == 0 ]] || fail "it was not asked for"

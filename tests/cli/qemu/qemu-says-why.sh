#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What QEMU says while it serves an image is the reason why a read fails, and the offset is that of the
# damage, wherever the question began. A hint of QEMU's stands behind its reason.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-io qemu-storage-daemon python3
truncate -s 24M disk.raw
data disk.raw 0 20*M
cluster=200
readonly damage=$((cluster * 64 * K))

# entry FILE VALUE: the L2 entry of the cluster becomes this, +1 its last bit.
entry() {
  python3 - "$1" $cluster "$2" <<'EOT'
import struct, sys
name, cluster, value = sys.argv[1:]
with open(name, "r+b") as image:
    image.seek(40)
    image.seek(*struct.unpack(">Q", image.read(8)))
    table = struct.unpack(">Q", image.read(8))[0] & 0x00FFFFFFFFFFFE00
    image.seek(table + 8 * int(cluster))
    old = struct.unpack(">Q", image.read(8))[0]
    image.seek(-8, 1)
    image.write(struct.pack(">Q", old | 1 if value == "+1" else int(value, 0)))
EOT
}

# --- An image that is corrupt in the middle ------------------------------------------------------

# corrupt PATTERN ARGUMENT...: one message, with QEMU's words and the offset of the damage.
corrupt() {
  local pattern=$1
  shift
  expect_status 1 "$tool" "$@"
  expect_messages 1
  expect_stderr "(read|asking for holes) at offset $damage failed: qcow2: .*$pattern"
  ! grep -q 'no-extents' stderr || fail "advice that does not help"
}
# Read by QEMU.
node() { echo '{"driver":"qcow2","file":{"driver":"file","filename":"'"$1"'"}}'; }
qemu-img convert -f raw -O qcow2 -o compat=0.10 disk.raw flag.qcow2
entry flag.qcow2 +1
qemu-img convert -f raw -O qcow2 disk.raw unaligned.qcow2
entry unaligned.qcow2 0x8000000000000200
qemu-img create -q -f qcow2 -b flag.qcow2 -F qcow2 top.qcow2
for threads in 1 4; do
  for options in '' '--scan holes' '--scan none' --no-extents '--compress --no-extents' '--connections 1'; do
    # shellcheck disable=SC2086
    {
      corrupt 'Zero cluster entry' -T $threads $options --blockdev "$(node flag.qcow2)"
      corrupt 'Cluster allocation offset 0x200 unaligned' -T $threads $options --blockdev "$(node unaligned.qcow2)"
    }
  done
done
corrupt 'Zero cluster entry' --blockdev "$(node top.qcow2)"
corrupt 'Zero cluster entry' --base disk.raw -B x -F raw --blockdev "$(node flag.qcow2)"

# What we read ourselves is told in our words, with the same offset.
for arguments in '-f qcow2 flag.qcow2' '-f auto flag.qcow2' '-f qcow2 top.qcow2' '-f qcow2 --scan holes flag.qcow2' \
  '--base flag.qcow2 --base-format qcow2 -B x -F raw disk.raw' '--base disk.raw -B x -F raw -f qcow2 flag.qcow2' \
  '--shallow -B x -F raw -f qcow2 flag.qcow2'; do
  # shellcheck disable=SC2086
  expect_status 1 "$tool" $arguments
  expect_messages 1
  expect_stderr "flag.qcow2: the image is damaged at offset $damage of its disk: .* of zeros, unknown to version 2"
done
if type -P qemu-nbd >/dev/null; then
  mkdir programs
  ln -s "$(type -P qemu-nbd)" programs/
  expect_status 1 env PATH="$dir/programs" "$tool" --blockdev "$(node flag.qcow2)"
  expect_stderr "offset $damage failed: qcow2: .*Zero cluster entry"
fi

# --- A sector that cannot be read ----------------------------------------------------------------

for sector in 0 12345 49151; do
  node='{"driver":"raw","file":{"driver":"blkdebug","image":{"driver":"file","filename":"disk.raw"},
    "inject-error":[{"event":"none","iotype":"read","sector":'$sector'}]}}'
  for options in '--scan none' --no-extents; do
    # shellcheck disable=SC2086
    expect_status 1 "$tool" $options --blockdev "$node"
    expect_messages 1
    expect_stderr "read at offset $((sector * 512)) failed: input/output error"
  done
done
if type -P nbdkit >/dev/null; then
  # shellcheck disable=SC2016  # nbdkit's shell expands it
  plugin=(eval get_size='echo 20971520'
    pread='[ "$4" -le 6000128 ] && [ $(($4 + $3)) -gt 6000128 ] && { echo EIO the reason >&2; exit 1; }
           head -c "$3" /dev/zero')
  expect_status 1 "$tool" -- [ nbdkit "${plugin[@]}" ]
  expect_messages 1
  expect_stderr 'read at offset 6000128 failed: nbdkit: .*the reason'
  # A server that is not ours tells the place alone.
  serve socket "${plugin[@]}"
  expect_status 1 "$tool" 'nbd+unix:///?socket=socket'
  expect_messages 1
  expect_stderr 'read at offset 6000128 failed: input/output error'
  # Asking for holes fails, reading does not.
  serve other --filter=error file disk.raw error-extents-rate=100%
  expect_status 1 "$tool" 'nbd+unix:///?socket=other'
  expect_stderr 'asking for holes at offset 0 failed: .*no-extents'
fi

# --- Warnings of QEMU's, and its hints -----------------------------------------------------------

head -c 1M disk.raw >small.raw
"$helpers/dmg.py" small.raw bzip2.dmg bzip2
if ! qemu-img compare -q -f raw -F dmg small.raw bzip2.dmg 2>/dev/null; then
  # Of several reads that fail the one is named whose answer came first. And of connections that are not used QEMU has
  # nothing to say.
  expect_status 1 "$tool" -T 1 --connections 1 --requests 1 -f dmg bzip2.dmg
  expect_messages 1
  expect_stderr 'read at offset 0 failed: input/output error; the server said before: .*dmg-bzip2 module is missing'
fi

# A log that was not replayed, since a write has failed.
for last in {2..20}; do
  qemu-img create -q -f vhdx log.vhdx 8M
  {
    for ((n = 1; n < last; ++n)); do
      printf '[set-state]\nevent = "pwritev"\nstate = "%s"\nnew_state = "%s"\n' $n $((n + 1))
    done
    printf '[inject-error]\nevent = "pwritev"\nstate = "%s"\nerrno = "5"\n' "$last"
  } >rules
  qemu-io -f vhdx -c 'write 0 64k' blkdebug:rules:log.vhdx >io.log 2>&1 || true
  status=0
  "$tool" -f vhdx log.vhdx >stdout 2>stderr || status=$?
  [[ $status == 0 ]] || break
done
if [[ $status != 0 ]]; then
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: log\.vhdx: QEMU cannot open it: VHDX image file .*log that needs to be replayed.*: qemu-img check -r all 'log\.vhdx'\$"
else
  echo "not tested: no write of $last left a log"
fi

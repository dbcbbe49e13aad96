#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Server programs where there is no /tmp, none that can be written to, or no /dev/null. Only where the
# program itself is missing does the message say that it is not installed.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need qemu-img qemu-storage-daemon unshare mount chroot
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted
qemu-img convert -f raw -O vmdk disk.raw disk.vmdk

# A root directory with the programs, and what each case wants of /tmp and the rest. `place` is where the
# test has its files.
mkdir -p root/place root/proc root/dev root/other
for directory in /usr /lib /lib32 /lib64 /libx32 /bin /sbin /etc /nix; do
  [[ ! -d $directory ]] || mkdir -p "root$directory"
done
cp "$tool" root/place/program
cp disk.vmdk disk.raw root/place/
cat >enter <<'EOT'
set -e
root=$1 setup=$2
shift 2
for directory in /usr /lib /lib32 /lib64 /libx32 /bin /sbin /etc /nix; do
  [ ! -d "$directory" ] || mount --rbind "$directory" "$root$directory"
done
mount --rbind /proc "$root/proc"
cd "$root"
eval "$setup"
cd place
exec chroot .. sh -c 'cd /place && exec "$@"' sh "$@"
EOT
namespaces=(unshare --mount)
[[ $EUID == 0 ]] || namespaces+=(--map-root-user)
inside() { "${namespaces[@]}" sh "$dir/enter" "$dir/root" "$@"; }
inside : true 2>enter.log || skip "no mount name space: $(<enter.log)"

# works WHAT SETUP [VARIABLE=VALUE]...
works() {
  local what=$1 setup=$2
  shift 2
  for arguments in '-f vmdk' '-f auto'; do
    # shellcheck disable=SC2086
    expect_status 0 inside "$setup" env -u TMPDIR -u XDG_RUNTIME_DIR "$@" ./program $arguments disk.vmdk
    expect_silence
    same stdout wanted
  done
  # nbdkit itself needs a /dev/null.
  if type -P nbdkit >/dev/null; then
    expect_status 0 inside "$setup && touch dev/null && mount --bind /dev/null dev/null" env -u TMPDIR -u XDG_RUNTIME_DIR "$@" \
      ./program -- [ nbdkit -r file disk.raw ]
    same stdout wanted
  fi
  rm -f root/dev/null
  echo "works: $what"
}
writable() { echo "mkdir -p .$1 && mount -t tmpfs none .$1"; }
read_only() { echo "mkdir -p .$1 && mount -t tmpfs -o ro none .$1"; }

rm -rf root/tmp root/run root/var root/dev/shm
works "no /dev/null, but /tmp" "$(writable /tmp)"
works "no /tmp, but /run" "$(writable /run)"
works "/tmp is read-only, /dev/shm is not" "$(read_only /tmp) && $(writable /dev/shm)"
works "/tmp is read-only, TMPDIR" "$(read_only /tmp) && $(writable /other)" TMPDIR=/other
works "/tmp is read-only, XDG_RUNTIME_DIR" "$(read_only /tmp) && $(writable /other)" XDG_RUNTIME_DIR=/other
works "TMPDIR is missing" "$(writable /tmp)" TMPDIR=/missing
works "the name of TMPDIR is too long for a socket" "$(writable /tmp) && mkdir -p tmp/$(printf %0150d 0)" \
  TMPDIR="/tmp/$(printf %0150d 0)"

# Nowhere at all: says so, and nothing about QEMU.
rm -rf root/tmp root/run root/var root/dev/shm
expect_status 1 inside : env -u TMPDIR -u XDG_RUNTIME_DIR ./program -f vmdk disk.vmdk
expect_messages 1
expect_stderr '^qcow2-to-stdout: /tmp: takes no private socket; .TMPDIR names another place: no such file'

# --- What is missing -----------------------------------------------------------------------------

mkdir programs
for broken in qemu-storage-daemon qemu-img; do
  printf '#!/no/such/interpreter\n' >programs/$broken
  chmod +x programs/$broken
done
expect_refusal 1 'qemu-storage-daemon: cannot be started: its loader or interpreter is missing' \
  env PATH="$dir/programs" "$tool" -f vmdk disk.vmdk
expect_refusal 1 'qemu-img: cannot be started: its loader or interpreter is missing' \
  env PATH="$dir/programs" "$tool" -f auto disk.vmdk
rm programs/*
expect_refusal 1 'QEMU is not installed' env PATH="$dir/programs" "$tool" -f vmdk disk.vmdk
expect_refusal 1 'QEMU is not installed' env PATH="$dir/programs" "$tool" -f auto disk.vmdk
expect_refusal 1 'no-such-program: cannot be started: no such file' "$tool" -- [ no-such-program x ]

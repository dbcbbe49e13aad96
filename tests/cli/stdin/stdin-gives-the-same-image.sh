#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk that comes out of a pipe gives the bytes that the same disk gives as a file.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3

# piped IMAGE OPTION...: with a warning that says the size, unless it was given.
piped() {
  expect_status 0 "$tool" "${@:2}" - < <(cat disk.raw 2>cat.log || true)
  mv stdout "$1"
}

same_image() {
  convert disk.raw wanted "$@"
  piped image "$@"
  same image wanted
  expect_messages 1
  expect_stderr "^qcow2-to-stdout: standard input: ended after $(size_of disk.raw) bytes.*--size $(size_of disk.raw)"
  piped image "$@" --quiet
  same image wanted
  expect_silence
  piped image "$@" --size "$(size_of disk.raw)"
  same image wanted
  expect_silence
}

truncate -s 40M disk.raw
data disk.raw 1*M 5*M
data disk.raw 20*M+12345 1
data disk.raw 39*M 1*M
same_image
check_image image disk.raw
for options in '-c 512' '-c 2M' '-v 2' '-r 1' '--scan holes' '--scan none' '-T 4' '--no-extents' \
  '--offset 1M --length 3M'; do
  # shellcheck disable=SC2086
  same_image $options
done
piped image --size 40M --scan none --measure=json
mv image measured
for key in required virtual-size; do
  [[ $(json measured $key) == "$(json <("$tool" --scan none --measure=json disk.raw) $key)" ]]
done
[[ $(json measured change-detection) == none ]]
[[ $(json measured image-id) == *.- ]]

# Zeros that are stored come as the same bytes.
cat disk.raw >dense.raw && mv dense.raw disk.raw
same_image

# Sizes that are no multiple of anything, and the last block of zeros.
for size in 1 511 512 513 4095 4097 65535 65537 1000001 $((3 * M + 7)); do
  rm disk.raw
  data disk.raw 0 "$size"
  same_image
  truncate -s $((size + 5000)) disk.raw
  same_image
  check_image image disk.raw
done
rm disk.raw
truncate -s 3M disk.raw
same_image

# A byte at a time, and slowly.
rm disk.raw
data disk.raw 0 3000
convert disk.raw wanted
for pause in 0 0.0005; do
  for options in '' '--size 3000 --scan none'; do
    # shellcheck disable=SC2086
    python3 -c 'import os, sys, time
for byte in open("disk.raw", "rb").read():
    os.write(1, bytes([byte]))
    time.sleep(float(sys.argv[1]))' "$pause" | "$tool" -q $options - >image
    same image wanted
  done
done

# Other things that can be read and not sought: a socket, a fifo, a pipe that does not block.
python3 - "$tool" <<'END' >image
import socket, subprocess, sys, threading
ours, theirs = socket.socketpair()
threading.Thread(target=lambda: (ours.sendall(open("disk.raw", "rb").read()), ours.close())).start()
sys.exit(subprocess.run([sys.argv[1], "-q", "-"], stdin=theirs).returncode)
END
same image wanted
mkfifo fifo
cat disk.raw >fifo &
"$tool" -q - <fifo >image
same image wanted
python3 - "$tool" <<'END' >image
import os, subprocess, sys, threading, time
out, into = os.pipe()
os.set_blocking(out, False)
def feed():
    for byte in range(0, 3000, 100):
        os.write(into, open("disk.raw", "rb").read()[byte:byte + 100])
        time.sleep(0.005)
    os.close(into)
child = subprocess.Popen([sys.argv[1], "-q", "-"], stdin=out)
feed()
sys.exit(child.wait())
END
same image wanted

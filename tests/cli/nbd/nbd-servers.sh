#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk gives the same image from a file and from any NBD server that serves it, whatever that
# server can do and however slow it is.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit
ext4_disk disk.raw 8M
convert disk.raw wanted

# from_server NBDKIT-ARGUMENT...: through a URI, and as a program that we start.
from_server() {
  serve socket "$@"
  convert 'nbd+unix:///?socket=socket' image
  same image wanted
  end_process "$server"
  expect_status 0 "$tool" -- [ nbdkit --readonly "$@" ]
  expect_silence
  same stdout wanted
}
from_server file disk.raw
for filter in noextents cow cache readahead noparallel fua cacheextents nofilter; do
  nbdkit --filter=$filter null --dump-plugin >plugin.log 2>&1 ||
    { echo "not tested: this nbdkit has no filter $filter"; continue; }
  from_server --filter=$filter file disk.raw
done
from_server --filter=multi-conn file disk.raw multi-conn-mode=disable
from_server --filter=delay file disk.raw delay-read=2ms delay-extents=20ms
from_server --filter=ip file disk.raw allow="uid:$EUID" deny=all
from_server --threads=1 file disk.raw
from_server --no-sr file disk.raw
from_server --mask-handshake=0 file disk.raw
from_server split disk.raw

# One connection at a time, and which one is up to the server: a limit that is reached is a hang.
if nbdkit --filter=noparallel null --dump-plugin >plugin.log 2>&1; then
  for ((i = 0; i < 8; ++i)); do
    expect_status 0 "$tool" -- [ nbdkit --readonly --filter=noparallel file disk.raw serialize=connections ]
    expect_silence
    same stdout wanted
  done
fi

# Sizes between two sectors.
head -c 5000001 disk.raw >odd.raw
convert odd.raw wanted
from_server file odd.raw
from_server --filter=noextents file odd.raw

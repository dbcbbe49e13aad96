#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that takes several connections does not say how many. Where it lets the next one wait, those that are there
# do the work, in both directions.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need qemu-nbd
truncate -s 8M disk.raw
data disk.raw 0 3*M
convert disk.raw wanted

# offers CLIENTS FILE OPTION...: on `socket`.
offers() {
  rm -f socket
  qemu-nbd -t -k "$PWD/socket" -f raw -e "$1" "${@:3}" "$2" 2>>server.log &
  server=$!
  at_exit end_process $server
  wait_for test -S socket
}
uri='nbd+unix:///?socket=socket'
for clients in 1 2 3 4 5; do
  offers $clients disk.raw -r
  expect_status 0 "$tool" "$uri"
  expect_silence
  same stdout wanted
  end_process $server
  expect_status 0 "$tool" -- [ qemu-nbd -r -t -f raw -e $clients disk.raw ]
  expect_silence
  same stdout wanted

  truncate -s 8M target.raw
  data target.raw 0 8*M 99
  offers $clients target.raw
  expect_status 0 from_pipe wanted "$uri"
  expect_silence
  expect_status 0 from_pipe wanted --skip-equal "$uri"
  expect_silence
  expect_status 0 from_pipe wanted --compare "$uri"
  expect_silence
  end_process $server
  same target.raw disk.raw
done

# It is told to who asks.
offers 2 disk.raw -r
expect_status 0 env QCOW2STREAM_TRACE=1 "$tool" "$uri"
expect_stderr 'another connection: .*not answered for 3 seconds.*those that are there are used'
same stdout wanted
# The time that the first may take is not touched by that, and no more than that is waited.
expect_status 0 "$tool" --timeout 1 "$uri"
expect_silence
same stdout wanted
end_process $server

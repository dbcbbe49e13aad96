#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --timeout counts only the silence of a server that was asked: a slow server and a slow reader of the
# output have all the time they want. A busy machine may take a second or two besides.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit
truncate -s 24M disk.raw
data disk.raw 0 24*M
convert disk.raw wanted
serve socket file disk.raw
stall 10000 --timeout 3 'nbd+unix:///?socket=socket'
sleep 3.5
drain
[[ $status == 0 ]] || fail "status $status when the reader sleeps"
same received wanted
end_process "$server"

truncate -s 128K disk.raw
convert disk.raw wanted
serve socket --filter=delay file disk.raw delay-read=1
for options in '--requests 1 --connections 1' ''; do
  # shellcheck disable=SC2086
  convert 'nbd+unix:///?socket=socket' image --timeout=4 $options
  same image wanted
done
end_process "$server"
serve socket --filter=delay file disk.raw delay-read=1300ms
expect_status 1 "$tool" --timeout 1 'nbd+unix:///?socket=socket'
expect_messages 1
expect_stderr 'given up: the server has not answered for 1 second'
(($(size_of stdout) < $(size_of wanted)))

# What a program has said before it fell silent need not be the reason.
expect_status 1 "$tool" --timeout 1 -- [ sh -c 'printf "a greeting\nof two lines\n" >&2; exec sleep 100' ]
expect_messages 1
expect_stderr 'given up: the server has not answered for 1 seconds; it has said: a greeting.*of two lines$'

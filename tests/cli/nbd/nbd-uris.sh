#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every form of an NBD URI names the disk: Unix sockets of any name, TCP, exports.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit python3
mkdir exports
for disk in one 'two words' 'com,ma:?&=%'; do
  truncate -s 3M "exports/$disk"
  data "exports/$disk" 1*M 100*K "$((${#disk} + 1))"
done
convert exports/one one
convert 'exports/two words' two
convert 'exports/com,ma:?&=%' three

socket="with space, and%ümläut"
serve "$socket" file dir=exports
escaped=with%20space,%20and%25%C3%BCml%C3%A4ut
for uri in "nbd+unix:///one?socket=$escaped" "nbd+unix:///one?socket=$dir/$escaped" "nbd+unix:///one?socket=./$escaped"; do
  convert "$uri" image
  same image one
done
convert "nbd+unix:///two%20words?socket=$escaped" image
same image two
convert "nbd+unix:///com,ma:%3F%26=%25?socket=$escaped" image
same image three

# TCP, with names and with numbers of both families.
free_port() { python3 -c 'import socket; s = socket.create_server(("", 0)); print(s.getsockname()[1])'; }
start_on_tcp() {
  port=$(free_port)
  rm -f pid
  nbdkit --exit-with-parent --foreground --readonly --port "$port" --pidfile pid file exports/one 2>tcp.log &
  server=$!
  at_exit end_process "$server"
  for _ in {1..250}; do
    [[ ! -s pid ]] || return 0
    kill -0 "$server" 2>/dev/null || return 1
    sleep 0.02
  done
  return 1
}
start_on_tcp || start_on_tcp || start_on_tcp || skip "nbdkit cannot listen on TCP: $(<tcp.log)"
for uri in "nbd://localhost:$port" "nbd://127.0.0.1:$port/" "nbd://[::1]:$port"; do
  [[ $uri != *::1* || -s /proc/net/if_inet6 ]] || continue
  convert "$uri" image
  same image one
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# NBD servers and QEMU processes that go away, fall silent or are none.
# shellcheck source-path=SCRIPTDIR source=../../lib/failing-sources.sh
. "$(dirname "$0")/../../lib/failing-sources.sh" || exit 1

# --- Servers that go away or are none ------------------------------------------------------------

gone='closed the connection|connection reset|broken pipe|not connected'
serve socket file disk.raw
begin 10000 'nbd+unix:///?socket=socket'
end_process "$server"
finish_run
judge "NBD: the server is killed in the middle" 1 "$gone" "$announced"
for source in '-f vmdk' '[ nbdkit'; do
  arguments=(-f vmdk "$mark/disk.vmdk")
  [[ $source == -f* ]] || arguments=(-- '[' nbdkit -r file "$mark/disk.raw" ])
  begin 10000 "${arguments[@]}"
  wait_for child_of "$job"
  kill -KILL "$(<child)"
  finish_run
  judge "$source: its process is killed in the middle" 1 "$gone" "$announced"
done

# behind_proxy MODE BYTES PATTERN ARGUMENT...
behind_proxy() {
  local proxy
  serve socket file disk.raw
  "$helpers/cutting_proxy.py" proxy socket "$1" "$2" &
  proxy=$!
  at_exit end_process $proxy
  wait_for test -S proxy
  fault "NBD: $1 after $2 bytes of answers" "$3" "$announced" 'nbd+unix:///?socket=proxy' "${@:4}"
  end_process $proxy
  end_process "$server"
  rm proxy
}
for bytes in 0 17 30 200 300 1000 20000000; do
  behind_proxy close $bytes "disconnected|$gone" --connections 1
  behind_proxy garbage $bytes . --connections 1
done

rm -f socket
fault "NBD: no such socket" 'no such' "$announced" 'nbd+unix:///?socket=missing'
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("deaf")'
fault "NBD: nobody listens" 'refused' "$announced" 'nbd+unix:///?socket=deaf'
fault "NBD: no such host" 'name|resolve' "$announced" 'nbd://no-such-host.invalid/'
fault "NBD: not a URI" '.' "$announced" 'nbd://[::'
serve socket --filter=exportname file disk.raw exportname=one exportname-strict=true
fault "NBD: no such export" 'export|server replied' "$announced" 'nbd+unix:///two?socket=socket'
end_process "$server"
serve socket --filter=ip file disk.raw deny=all
for n in 1 2 3 4 5 6; do
  fault "NBD: the server hangs up at once ($n)" "disconnected|$gone" "$announced" 'nbd+unix:///?socket=socket'
done
end_process "$server"
fault "[ ]: no such program" 'no such file' "$announced" -- [ no-such-program x ]
fault "[ ]: no such plugin" 'no-such-plugin' "$announced" -- [ nbdkit no-such-plugin ]
fault "[ ]: no such disk" 'missing.raw' "$announced" -- [ nbdkit file missing.raw ]
fault "[ ]: a program that ends at once" '.' "$announced" -- [ true ]
fault "[ ]: a program that says why it ends" 'the reason' "$announced" -- [ sh -c 'echo the reason >&2; exit 3' ]

# --- Silence -------------------------------------------------------------------------------------

silence='has not answered for 1 second'
serve socket file disk.raw
kill -STOP "$server"
fault "NBD: the server says nothing at all" "$silence" "$announced" 'nbd+unix:///?socket=socket' --timeout 1
kill -CONT "$server"
begin 10000 'nbd+unix:///?socket=socket' --timeout 1
kill -STOP "$server"
finish_run
judge "NBD: the server falls silent in the middle" 1 "given up: .*$silence" "$announced"
kill -CONT "$server"
end_process "$server"
for bytes in 18 1000000; do
  behind_proxy silence $bytes "$silence" --timeout 1
done
for source in '-f vmdk' '[ nbdkit'; do
  arguments=(-f vmdk "$mark/disk.vmdk")
  [[ $source == -f* ]] || arguments=(-- '[' nbdkit -r file "$mark/disk.raw" ])
  begin 10000 --timeout=1 "${arguments[@]}"
  wait_for child_of "$job"
  kill -STOP "$(<child)"
  finish_run
  judge "$source: its process is stopped in the middle" 1 "given up: .*$silence" "$announced"
done
fault "[ ]: a program that is no server" "$silence" "$announced" --timeout 1 -- [ sleep 1000 ]

end_of_table

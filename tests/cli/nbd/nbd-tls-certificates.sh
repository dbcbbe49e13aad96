#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that is talked to over TLS proves with a certificate who it is, or is refused; only a URI that says
# tls-verify-peer=false does without.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit openssl python3
[[ $(nbdkit --dump-config) == *tls=yes* ]] || skip "nbdkit without TLS"
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted

# authority DIRECTORY
authority() {
  mkdir -p "$1"
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/ca-key.pem" -out "$1/ca-cert.pem" -subj "/CN=$1" \
    -days 30 2>>openssl.log
}
# certify DIRECTORY AUTHORITY NAMES DAYS
certify() {
  mkdir -p "$1"
  openssl req -newkey rsa:2048 -nodes -keyout "$1/server-key.pem" -out "$1/request.pem" -subj "/CN=server" \
    2>>openssl.log
  openssl x509 -req -in "$1/request.pem" -CA "$2/ca-cert.pem" -CAkey "$2/ca-key.pem" -CAcreateserial \
    -out "$1/server-cert.pem" -days "$4" -extfile <(echo "subjectAltName=$3") 2>>openssl.log
  cp "$2/ca-cert.pem" "$1/ca-cert.pem"
}
authority ours
authority theirs
certify good ours DNS:localhost,IP:127.0.0.1 30
certify unknown theirs DNS:localhost 30
certify another-host ours DNS:elsewhere.example 30
certify expired ours DNS:localhost -1 || skip "openssl makes no expired certificate: $(tail -n 1 openssl.log)"
mkdir nobody empty

# The program looks for certificates in the home directory, too, and root in /etc.
export HOME=$dir/nobody
default=$HOME/.pki/libnbd
[[ $EUID != 0 ]] || default=/etc/pki/libnbd
[[ ! -e $default/ca-cert.pem ]] || skip "there is a $default/ca-cert.pem"

# on_tcp CERTIFICATES: a server on $port.
on_tcp() {
  local attempt n
  for attempt in 1 2 3; do
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    rm -f pid
    nbdkit --exit-with-parent --foreground --readonly --port "$port" --ipaddr 127.0.0.1 --pidfile pid \
      --tls=require --tls-certificates="$dir/$1" file disk.raw 2>tcp.log &
    server=$!
    at_exit end_process "$server"
    for n in {1..250}; do
      [[ ! -s pid ]] || return 0
      kill -0 "$server" 2>/dev/null || break
      sleep 0.02
    done
  done
  skip "nbdkit cannot listen on TCP, $attempt times: $(<tcp.log)"
}
refused() { expect_refusal 1 "$@"; }
invalid='certificate is not one of the CA in ca-cert.pem, has expired, or is made for another host'

on_tcp good
for uri in "nbds://localhost:$port?tls-certificates=ours" "nbds://127.0.0.1:$port/?tls-certificates=$dir/ours" \
  "nbds://localhost:$port?tls-verify-peer=true&tls-certificates=ours" \
  "nbds://localhost:$port?tls-verify-peer=false" "nbds://localhost:$port/?x=y&tls-verify-peer=0" \
  "nbds://localhost:$port?tls-certificates=%6furs"; do
  convert "$uri" image
  same image wanted
  convert disk.raw increment --base "$uri" -B base -F raw
done
refused "$invalid.*tls-verify-peer=false" "$tool" "nbds://localhost:$port?tls-certificates=theirs"
for uri in "nbds://localhost:$port?tls-certificates=empty" "nbds://localhost:$port?tls-certificates=missing" \
  "nbds://localhost:$port?tls-certificates="; do
  refused "server cannot be verified: .*/ca-cert\.pem: no such file.*tls-verify-peer=false" "$tool" "$uri"
done
for uri in "nbds://localhost:$port" "nbds://localhost:$port?tls-certificate=ours" "nbds://localhost:$port#?tls-verify-peer=false" \
  "nbds://localhost:$port?tls-verify-peer=true" "nbds://localhost:$port?tls-verify_peer=false"; do
  refused "server cannot be verified: there is no .*tls-certificates=DIR.*tls-verify-peer=false" "$tool" "$uri"
  refused "server cannot be verified" "$tool" --base "$uri" -B base -F raw disk.raw
  refused "server cannot be verified" "$tool" --dirty-bitmap b -B base -F raw "$uri"
done
expect_refusal 2 "tls-verify-peer is true or false, not 'maybe'" "$tool" "nbds://localhost:$port?tls-verify-peer=maybe"
if [[ $EUID != 0 ]]; then
  mkdir -p "$default"
  cp ours/ca-cert.pem "$default/"
  convert "nbds://localhost:$port" image
  same image wanted
  rm -r "${HOME:?}/.pki"
fi
end_process "$server"

for certificates in unknown another-host expired; do
  on_tcp $certificates
  refused "$invalid" "$tool" "nbds://localhost:$port?tls-certificates=ours"
  refused "$invalid" "$tool" --base "nbds://localhost:$port?tls-certificates=ours" -B base -F raw disk.raw
  convert "nbds://localhost:$port?tls-certificates=ours&tls-verify-peer=false" image
  same image wanted
  end_process "$server"
done

# A socket has no name that a certificate could be made for.
serve socket --tls=require --tls-certificates="$dir/good" file disk.raw
refused 'server cannot be verified: a socket has no host name.*tls-psk-file.*tls-verify-peer=false' \
  "$tool" 'nbds+unix:///?socket=socket&tls-certificates=ours'
convert 'nbds+unix:///?socket=socket&tls-verify-peer=false' image
same image wanted

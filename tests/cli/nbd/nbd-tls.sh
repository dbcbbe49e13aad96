#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that wants TLS is talked to with the key that the URI names, and not at all without it.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need nbdkit
[[ $(nbdkit --dump-config) == *tls=yes* ]] || skip "nbdkit without TLS"
truncate -s 3M disk.raw
data disk.raw 1*M 1*M
convert disk.raw wanted
# What psktool writes: names and keys.
printf 'alice:%064x\nbob:%064x\n' 123456789 987654321 >keys
printf 'alice:%064x\n' 5 >wrong-keys
serve socket --tls=require --tls-psk=keys file disk.raw
for name in alice bob; do
  convert "nbds+unix://$name@/?socket=socket&tls-psk-file=keys" image --connections 3
  same image wanted
done
expect_refusal 1 'cannot be opened' "$tool" 'nbds+unix://alice@/?socket=socket&tls-psk-file=wrong-keys'
expect_refusal 1 'cannot be opened' "$tool" 'nbds+unix://carol@/?socket=socket&tls-psk-file=keys'
expect_refusal 1 'missing' "$tool" 'nbds+unix://alice@/?socket=socket&tls-psk-file=missing'
expect_refusal 1 'TLS' "$tool" 'nbd+unix:///?socket=socket'

# A server that knows no TLS is not talked to in clear by a URI that asks for TLS.
serve clear file disk.raw
expect_refusal 1 'TLS' "$tool" 'nbds+unix://alice@/?socket=clear&tls-psk-file=keys'

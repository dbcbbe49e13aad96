#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Onto an NBD server and from one.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1
# shellcheck source=../../lib/restore.sh
. "$source_root/tests/lib/restore.sh"

need nbdkit nbdcopy
truncate -s 16M disk.raw
data disk.raw 0 5*M
data disk.raw 16*M-100 100
"$tool" disk.raw >image.qcow2
"$tool" --compress=zstd disk.raw >packed.qcow2
serve_memory() {
  rm -f socket
  nbdkit --exit-with-parent --foreground --unix socket --pidfile socket.pid "$@" 2>>nbdkit.log &
  server=$!
  at_exit end_process "$server"
  wait_for test -s socket.pid
}
uri='nbd+unix:///?socket=socket'
for arguments in 'memory 16M' '--filter=nozero memory 16M' '--filter=nocache --filter=fua memory 16M' '--threads=1 memory 16M'; do
  # shellcheck disable=SC2086
  serve_memory $arguments
  for image in image packed; do
    expect_status 0 from_pipe $image.qcow2 "$uri"
    expect_silence
    nbdcopy "$uri" out.raw
    same out.raw disk.raw
    rm out.raw
    expect_status 0 "$from_stdin" --compare -i $image.qcow2 "$uri"
    expect_silence
  done
  expect_status 0 "$from_stdin" --verify --connections 2 --requests 3 -i image.qcow2 "$uri"
  end_process "$server"
  rm -f socket.pid
done

# Too small, read-only, failing.
serve_memory memory 15M
expect_refusal 1 'too small' from_pipe image.qcow2 "$uri"
end_process "$server"
rm -f socket.pid
serve_memory --readonly memory 16M
expect_refusal 1 'nbd\+unix:' from_pipe image.qcow2 "$uri"
end_process "$server"
rm -f socket.pid
if nbdkit --filter=error null --dump-plugin >plugin.log 2>&1; then
  serve_memory --filter=error memory 16M error-pwrite=ENOSPC error-pwrite-rate=100%
  expect_refusal 1 'nbd\+unix:.*No space.*' from_pipe image.qcow2 "$uri"
  end_process "$server"
  rm -f socket.pid
fi

# The image is what a server has.
serve_memory file image.qcow2
expect_status 0 "$from_stdin" -i "$uri" out.raw
expect_silence
same out.raw disk.raw
"$tool" --digest sha256=sums disk.raw >same.qcow2
expect_status 0 "$from_stdin" --check --verbose -i "$uri"
expect_stderr 'is sound'
expect_status 0 "$from_stdin" --check --expect-digest sha256=sums -i "$uri"
expect_silence
rm out.raw
expect_status 0 "$from_stdin" --expect-digest sha256=sums --limit-rate 1G -i "$uri" out.raw
expect_silence
same out.raw disk.raw
expect_refusal 3 'has another md5 digest' "$from_stdin" --expect-digest md5:0123456789abcdef0123456789abcdef -i "$uri" no.raw
end_process "$server"
rm -f socket.pid
truncate -s 16M empty.raw
"$tool" -B image.qcow2 -F qcow2 --base empty.raw disk.raw >increment.qcow2
serve_memory file increment.qcow2
truncate -s 0 out.raw
truncate -s 16M out.raw
expect_status 0 "$from_stdin" --apply -i "$uri" out.raw
same out.raw disk.raw
expect_refusal 1 ': .*' "$from_stdin" -i 'nbd+unix:///?socket=nothing' no.raw
is_not_there no.raw

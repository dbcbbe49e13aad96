#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A signal ends the program as it ends others, and leaves the output short.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3
truncate -s 16M disk.raw
data disk.raw 0 16*M
for signal in SIGTERM SIGINT SIGHUP; do
  for options in '' '-p' '--progress=2'; do
    # shellcheck disable=SC2086
    python3 - "$signal" "$("$tool" --measure=size disk.raw)" "$tool" $options disk.raw <<'EOF'
import signal, subprocess, sys
number, announced = getattr(signal, sys.argv[1]), int(sys.argv[2])
child = subprocess.Popen(sys.argv[3:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
received = len(child.stdout.read(100))
child.send_signal(number)
received += len(child.stdout.read())
assert child.wait(20) == -number, child.returncode
assert 100 <= received < announced, received
EOF
  done
done

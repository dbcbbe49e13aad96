#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Signals are answered at once, whatever the program waits for, and nothing stays behind.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 nbdkit qemu-img
truncate -s 16M disk.raw
data disk.raw 0 16*M
image=signals-$$.vmdk  # other tests have disks, too
qemu-img convert -f raw -O vmdk disk.raw "$image"
mkdir tmp
export TMPDIR=$dir/tmp

cat >end.py <<'EOF'
# end.py SIGNAL WORDS COMMAND...: what it says when the signal ends it, after 100 bytes or a while
import os, re, signal, subprocess, sys, time
number, words, command = getattr(signal, sys.argv[1]), sys.argv[2], sys.argv[3:]
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=False,
                         preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
def answers_signals():
    with open(f"/proc/{child.pid}/status") as status:
        blocked = int(re.search(r"SigBlk:\s*(\w+)", status.read()).group(1), 16)
    return blocked >> (number - 1) & 1
if "incomplete" in words:
    child.stdout.read(100)
else:
    while child.poll() is None and not answers_signals():
        time.sleep(0.1)
    time.sleep(1)
child.send_signal(number)
assert child.wait(20) == -number, child.returncode
said = child.stderr.read().decode()
assert re.fullmatch("qcow2-to-stdout: " + words + "\n", said), said
EOF

for signal in SIGTERM SIGINT SIGHUP; do
  python3 end.py $signal "disk.raw: ended by $signal; output is incomplete .[0-9]+ of [0-9]+ bytes.; ask the receiver .*" \
    "$tool" disk.raw
done
python3 end.py SIGTERM "$image: ended by SIGTERM; output is incomplete .*" \
  "$tool" -f vmdk "$image"
# Nothing comes from standard input, and what came is kept in a file without a name.
python3 end.py SIGINT "standard input: ended by SIGINT" "$tool" -
# A server that does not answer.
python3 end.py SIGTERM ".*: ended by SIGTERM" \
  "$tool" -- [ nbdkit --exit-with-parent -f --filter=delay memory 1M rdelay=$((100 + $$)) ]
# A digest and a plan that are not there yet.
python3 end.py SIGTERM "disk.raw: ended by SIGTERM; output is incomplete .*" \
  "$tool" --digest sha256=tmp/digest disk.raw
python3 end.py SIGTERM ".*: ended by SIGTERM" "$tool" --save-plan tmp/plan \
  -- [ nbdkit --exit-with-parent -f --filter=delay memory 1M rdelay=$((100 + $$)) ]
# While the socket of a server has a name, which it has for a moment only.
if ! sanitized; then
  FAULTS=listen:1:stall LD_PRELOAD=$FAULT_SHIM "$tool" -f vmdk "$image" >/dev/null 2>stderr &
  job=$!
  has_named_socket() {
    local link
    for link in "/proc/$job/fd/"*; do
      link=$(readlink "$link") || continue
      [[ $link == socket:* ]] || continue
      link=${link//[^0-9]/}
      socket=$(awk -v "inode=$link" '$7 == inode { print $8 }' /proc/net/unix)
      [[ ! $socket ]] || return 0
    done
    return 1
  }
  wait_for has_named_socket
  [[ -S $socket ]]
  kill "$job"
  status=0
  wait "$job" 2>/dev/null || status=$?
  [[ $status == 143 && ! -e ${socket%/*} ]] || fail "status $status, $(ls -ld "${socket%/*}")"
fi

[[ $(ls -A tmp) == '' ]] || fail "left behind: $(ls -A tmp)"
for _ in {1..50}; do
  left=$(pgrep -f "$image|rdelay=$((100 + $$))" || true)
  [[ $left ]] || break
  sleep 0.1
done
[[ ! $left ]] || fail "still running: $(ps -o pid,args -p "$left")"

# Signals that the caller has had ignored stay ignored.
python3 - "$tool" <<'EOF'
import signal, subprocess, sys
child = subprocess.Popen([sys.argv[1], "disk.raw"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, restore_signals=False,
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
child.stdout.read(100)
child.send_signal(signal.SIGHUP)
rest = child.stdout.read()
assert child.wait(20) == 0 and child.stderr.read() == b""
assert len(rest) > 16 << 20
EOF

# SIGUSR1, as often as one likes, changes nothing else.
"$tool" disk.raw >wanted
python3 - "$tool" <<'EOF'
import re, signal, subprocess, sys, time
child = subprocess.Popen([sys.argv[1], "disk.raw"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
image = child.stdout.read(100)
for _ in range(3):
    child.send_signal(signal.SIGUSR1)
    line = child.stderr.readline().decode()
    assert re.fullmatch(r"qcow2-to-stdout: disk.raw: writing: \d+ of \d+ bytes \(\d+ %\)\n", line), line
image += child.stdout.read()
assert child.wait(20) == 0 and child.stderr.read() == b""
assert image == open("wanted", "rb").read()
EOF

# Nobody reads what is said, and the pipe is full: that may hold up the image, but not the end.
python3 - "$tool" <<'EOF'
import os, signal, subprocess, sys, time
nobody, full = os.pipe()
os.set_blocking(full, False)
try:
    while True: os.write(full, bytes(4096))
except BlockingIOError:
    os.set_blocking(full, True)
for option in "-v2", "--verbose", "--report=%d" % full, "--progress=%d" % full:
    errors = full if option in ("-v2", "--verbose") else subprocess.DEVNULL
    child = subprocess.Popen([sys.argv[1], option, "disk.raw"], stdout=subprocess.PIPE,
                             stderr=errors, pass_fds=[full])
    if option != "--verbose" and not option.startswith("--report"):
        child.stdout.read(100)
    else:
        time.sleep(0.5)
    child.send_signal(signal.SIGUSR1)
    time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM, (option, child.returncode)
EOF

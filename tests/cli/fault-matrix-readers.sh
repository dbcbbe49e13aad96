#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix, readers that go away: after each region of the image, or just before its end.
# shellcheck source-path=SCRIPTDIR source=../fault-matrix.sh
. "$(dirname "$0")/../fault-matrix.sh" || exit 1

# leaves BYTES REGION SOURCE [OUTPUT]: it takes so many and closes.
reader_leaves=1
leaves() {
  local bytes=$1 source=$3 output=${4:-pipe} words
  read -ra words <<<"${arguments[$source]}"
  words=(timeout -k 1 10 "$dir/program" -q "${words[@]}")
  if [[ $output == pipe ]]; then
    { status=0; "${words[@]}" <disk.raw 2>stderr || status=$?; echo $status >status; } |
      head -c "$bytes" >received
  else
    ./leaving.py "$bytes" "${words[@]}" <disk.raw 2>stderr >received || true
  fi
  status=$(<status)
  # What a pipe or a socket holds when its reader leaves is lost, and nobody can know.
  judge "reader leaves after $2" "$source" "$output" "$([[ $output == pipe ]] && echo '[01]' || echo 1)" \
    'standard output: write failed: (broken pipe|connection reset)'
}
cat >leaving.py <<'END'
#!/usr/bin/env python3
# leaving.py BYTES COMMAND...: on a socket that is closed after so many bytes
import socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[2:], stdout=theirs)
theirs.close()
rest = int(sys.argv[1])
while rest > 0 and (block := ours.recv(min(rest, 1 << 16))):
    rest -= len(block)
    sys.stdout.buffer.write(block)
ours.close()
open("status", "w").write(str(child.wait()))
END
chmod +x leaving.py

# regions SOURCE: "END NAME" of each, the last of them without its end.
regions() {
  # shellcheck disable=SC2086
  "$dir/program" -q --measure=json ${arguments[$1]} <disk.raw | python3 -c 'import json, sys
end = 0
for name, size in json.load(sys.stdin)["regions"].items():
    end += size
    if size: print(end, name)'
}
for source in raw compress base stdin; do
  leaves 0 "0 bytes" $source
  leaves 1 "1 byte" $source
  while read -r end name; do
    if ((end == $(size_of "$source.wanted"))); then
      leaves $((end / 2)) "half of the image" $source
      leaves $((end - 1)) "all but a byte of $name" $source
    else
      leaves "$end" "the $name" $source
      leaves $((end - 1)) "the $name but a byte" $source
    fi
  done < <(regions $source)
done
for source in raw qcow2; do
  for bytes in 0 1 1000000; do leaves $bytes "$bytes bytes" $source socket; done
done
end_of_table

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --run CMD: CMD reads the image, knows its size and id, and its exit status is ours.
# shellcheck disable=SC2016  # $size and $id are CMD's
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need python3 sha256sum
truncate -s 12M disk.raw
data disk.raw 0 5*M
convert disk.raw wanted
"$tool" --measure=json disk.raw >measured

# Standard output and standard error are CMD's, too.
expect_status 0 "$tool" --run 'cat >image; echo "$size $id"; echo words >&2' disk.raw
same image wanted
[[ $(<stdout) == "$(size_of wanted) $(json measured image-id)" ]]
[[ $(<stderr) == words ]]

# A range, other sources, and digests, which are written last.
expect_status 0 "$tool" --offset 1M --length 2M --run 'cat >image; echo "$size"' --digest sha256=sums disk.raw
same image <(part wanted 1*M 2*M)
[[ $(<stdout) == $((2 * M)) ]]
sha256sum --quiet -c sums <image
expect_status 0 "$tool" --compress --run 'cat >image' disk.raw
same image <("$tool" --compress disk.raw)
expect_status 0 "$tool" --scan none --size 12M --run 'cat >image' - < <(cat disk.raw)
same image <("$tool" --scan none disk.raw)
expect_status 0 "$tool" --offset "$(size_of wanted)" --run 'cat >image; echo "$size"' disk.raw
[[ ! -s image && $(<stdout) == 0 ]]

# Its exit status; 128 and more for a signal. The digest and 100/100 only with 0.
for failure in 'exit 1' 'exit 7' 'exit 255' 'kill -TERM $$' 'kill -KILL $$'; do
  status=0
  bash -c "$failure" 2>bash.log || status=$?
  expect_status "$status" "$tool" --digest sha256=sum --progress=3 --report=report \
    --run "cat >image; $failure" disk.raw 3>lines
  same image wanted
  expect_messages 1
  expect_stderr '--run: the command (failed: exit status|died: signal)'
  [[ ! -e sum ]] || fail "a digest"
  ! grep 100/100 lines || fail "success"
  [[ $(tail -n 1 report) == *'"end","status":'"$status,"* ]] || fail "$(tail -n 1 report)"
done

# Who does not want all of the image has its own status, but not success.
for few in 0 1 3000000 "$(($(size_of wanted) - 1))"; do
  for status in 0 9; do
    expect_status "$((status == 0 ? 1 : 9))" "$tool" --run "head -c $few >/dev/null; exit $status" disk.raw
    expect_messages 1
    expect_stderr 'standard input of --run: '
  done
done
expect_status 1 "$tool" --length 1 --run 'sleep 0.2' disk.raw
expect_stderr 'standard input of --run: was closed: 1 bytes were not read'
expect_status 127 "$tool" --run 'no-such-program' disk.raw
# Whom a CMD that fails leaves behind with its input, unread, does not keep us waiting.
expect_status 5 timeout 60 "$tool" --run 'exec 3<&0; sleep 100 <&3 & exit 5' disk.raw
expect_stderr 'standard input of --run: '
expect_status 5 timeout 60 "$tool" --length 1 --run 'exec 3<&0; sleep 100 <&3 & exit 5' disk.raw

# Nothing is started before all is known to be well.
started() { [[ ! -e started ]] || fail "CMD was started"; }
expect_refusal 4 'if-match' "$tool" --if-match no --run 'touch started' disk.raw && started
expect_refusal 2 '--offset' "$tool" --offset 1T --run 'touch started' disk.raw && started
expect_refusal 1 'none.raw' "$tool" --run 'touch started' none.raw && started
expect_refusal 1 'no/sum' "$tool" --digest md5=no/sum --run 'touch started' disk.raw && started
expect_refusal 2 '--run: not together with --measure' "$tool" --measure --run 'touch started' disk.raw && started
expect_refusal 2 '--flush: not together with --run' "$tool" --flush --run 'touch started' disk.raw && started
expect_refusal 2 '--run: .*not a command' "$tool" --run ' ' disk.raw

# What we inherit from our parent does not keep it from ending.
(trap '' CHLD PIPE TERM HUP; expect_status 6 "$tool" --run 'cat >image; exit 6' disk.raw)
(trap '' CHLD PIPE TERM; expect_status 0 "$tool" --run 'yes | head -n 1; cat >image' disk.raw)
[[ $(<stdout) == y ]]
expect_silence # as yes would break if SIGPIPE were ignored
same image wanted
expect_status 0 "$tool" --run 'cat >image' disk.raw <&-
same image wanted

# A terminal may be our standard output.
need script
script -qec "$(printf '%q --run "cat >image; echo said" disk.raw 2>message' "$tool")" typescript >/dev/null
grep -q said typescript
same image wanted

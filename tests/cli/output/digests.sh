#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --digest: coreutils agree, whatever the source and the range, and the image is the same as without.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

need sha256sum sha512sum b2sum sha1sum md5sum python3
truncate -s 20M disk.raw
data disk.raw 1*M 9*M
data disk.raw 15*M 100

# The CRCs, bit by bit.
crc() {
  python3 - "$@" <<'END'
import sys
width, polynomial, path = int(sys.argv[1]), int(sys.argv[2], 16), sys.argv[3]
table = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
    table.append(byte)
crc = (1 << width) - 1
for byte in open(path, "rb").read():
    crc = crc >> 8 ^ table[(crc ^ byte) & 255]
print(f"{crc ^ (1 << width) - 1:0{width // 4}x}")
END
}

digests=(--digest sha256=sums --digest sha512=./sums --digest blake2b=sums --digest sha1=sums
  --digest md5=sums --digest crc32c=crcs --digest crc64nvme=crcs)

# agree IMAGE: so do the digests in `sums`, which name it image.
agree() {
  local program
  cp "$1" image
  [[ $(wc -l <sums) == 5 ]] || fail "$(wc -l <sums) lines"
  for program in sha256sum sha512sum b2sum sha1sum md5sum; do
    "$program" -c sums >log 2>&1 || fail "$program: $(<log)"
    grep -qx 'image: OK' log || fail "$program: $(<log)"
  done
}

for options in '' '--offset 1234567' '--length 3M' '--offset 5M --length 1' '--compress' '-c 2M -d'; do
  # shellcheck disable=SC2086
  "$tool" $options disk.raw >wanted
  # shellcheck disable=SC2086
  "$tool" $options "${digests[@]}" --name image disk.raw >written 2>stderr
  expect_silence
  same written wanted
  agree wanted
  # shellcheck disable=SC2086
  "$tool" $options "${digests[@]}" --name image disk.raw | cmp - wanted
  agree wanted
done

# Through the ring: a stream.
"$tool" --size 20M --scan none "${digests[@]}" --name image - < <(cat disk.raw) >written
agree written
part written 0 100*K >few
"$tool" --scan none --length 100k "${digests[@]}" --name image disk.raw | cmp - few
agree few
printf 'CRC32C (image) = %s\nCRC64NVME (image) = %s\n' "$(crc 32 0x82f63b78 few)" \
  "$(crc 64 0x9a6c9329ac4bc9b5 few)" | cmp - crcs

# Nothing at all has a digest, too.
"$tool" --offset "$("$tool" --measure=size disk.raw)" "${digests[@]}" --name image disk.raw >written
[[ ! -s written ]]
agree written

# One digest at two places, which may be descriptors: these are not emptied, and not removed.
echo before >sums
"$tool" --digest sha256=/dev/fd/3 --digest sha256 disk.raw 3>>sums 2>stderr >written
sha256sum --quiet -c stderr <written
[[ $(head -n 1 sums) == before && $(wc -l <sums) == 2 ]]
[[ $(tail -n 1 sums) == "$(<stderr)" ]]
"$tool" --digest sha1=>(cat >sums) disk.raw >written
wait_for test -s sums
sha1sum --quiet -c sums <written

# Names as coreutils write them.
for name in 'a b' '(x) = y' 'back\slash' $'new\nline' $'re\rturn' '-'; do
  cp wanted "./$name"
  "$tool" -d -c 2M --name "$name" --digest sha256=sums disk.raw >/dev/null
  [[ $name == - ]] || sha256sum --tag "$name" | cmp - sums || fail "$name: $(<sums)"
  sha256sum -c sums <wanted >log 2>&1 || fail "$name: $(<log)"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# --salvage: what an NBD server cannot read becomes zeros. A server that goes away is an error all the same.
# shellcheck source-path=SCRIPTDIR source=../../lib/salvage.sh
. "$(dirname "$0")/../../lib/salvage.sh" || exit 1

need nbdkit
truncate -s 4M disk.raw
data disk.raw 0 3*M

# Reads fail now and then: whatever is lost is zeros, and nothing else is.
serve socket --filter=error file disk.raw error-pread=EIO error-pread-rate=20%
for options in '' '--scan holes' '--scan none --connections 1' '-c 512'; do
  # shellcheck disable=SC2086
  salvage image.qcow2 $options 'nbd+unix:///?socket=socket'
  cp disk.raw salvaged.raw
  # shellcheck disable=SC2046
  zeros salvaged.raw $(tr '+' ' ' <lost)
  check_image image.qcow2 salvaged.raw
done
end_process "$server"
# All reads fail.
serve socket --filter=error file disk.raw error-pread=EIO error-pread-rate=100%
salvage image.qcow2 'nbd+unix:///?socket=socket'
expect_lost 0 3*M
end_process "$server"
# A place that cannot be read, behind a server that says no holes.
cat >plugin.sh <<'END'
case $1 in
  get_size) stat -c %s disk.raw ;;
  pread)
    if (($4 < 1000000 + 1 && $4 + $3 > 1000000)); then
      echo 'EIO a bad place' >&2
      exit 1
    fi
    dd if=disk.raw bs=1M iflag=skip_bytes,count_bytes skip="$4" count="$3" status=none
    ;;
  *) exit 2 ;;
esac
END
chmod +x plugin.sh
sed -i '1i #!/usr/bin/env bash' plugin.sh
if nbdkit sh --dump-plugin >/dev/null 2>&1; then
  serve socket sh plugin.sh
  salvage image.qcow2 'nbd+unix:///?socket=socket'
  expect_lost 1000000/4096*4096 4*K
  cp disk.raw salvaged.raw
  zeros salvaged.raw 1000000/4096*4096 4*K
  check_image image.qcow2 salvaged.raw
  salvage image.qcow2 -- '[' nbdkit sh "$PWD/plugin.sh" ]
  expect_lost 1000000/4096*4096 4*K
  end_process "$server"
fi

# A server that goes away has no damage.
serve socket file disk.raw
"$helpers/cutting_proxy.py" proxy socket close 1000000 &
proxy=$!
at_exit end_process $proxy
wait_for test -S proxy
expect_status 1 "$tool" --salvage --connections 1 'nbd+unix:///?socket=proxy'
! grep -q 'are lost' stderr || fail "a lost connection was taken for damage"

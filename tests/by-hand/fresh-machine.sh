#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Proves that a fresh Debian 12 machine needs nothing but ./dev: makes a minimal root with debootstrap, clones HEAD of this
# checkout into it and runs `./dev demo && ./dev test` there. By hand, as root, some minutes and 3 GB of disk space.
#
# Usage: tests/by-hand/fresh-machine.sh [COMMAND]   COMMAND runs in the clone; default: ./dev demo && ./dev test
# tests/by-hand/debian-root.sh has what the environment can change.
# shellcheck disable=SC2034 # debian-root.sh reads it
name="fresh machine"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=debian-root.sh
. "$top/tests/by-hand/debian-root.sh" || exit 1

command=${1:-./dev demo && ./dev test}
make_debian_root

say "clone of $(git -C "$top" log -1 --format='%h %s')"
git clone --quiet --no-hardlinks "$top" "$root/root/qcow2-to-stdout"

say "$command"
in_root "cd /root/qcow2-to-stdout && $command"

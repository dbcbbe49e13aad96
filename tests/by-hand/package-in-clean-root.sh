#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Proves that the packages can be used on a Debian 12 that has nothing else: makes a minimal root with debootstrap, installs
# qcow2-to-stdout there with apt, which brings what it depends on, runs the first example of README.md, and purges it.
# Then the same with libqcow2stream-dev and its examples. By hand, as root; needs qemu-img here, and apt's network.
#
# Usage: tests/by-hand/package-in-clean-root.sh [DIR]   DIR has the packages; default: build/package, as ./dev package leaves them
# tests/by-hand/debian-root.sh has what the environment can change.
# shellcheck disable=SC2034 # debian-root.sh reads it
name="package in a clean root"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=debian-root.sh
. "$top/tests/by-hand/debian-root.sh" || exit 1

packages=${1:-$top/build/package}
program=$(echo "$packages"/qcow2-to-stdout_*.deb)
library=$(echo "$packages"/libqcow2stream-dev_*.deb)
if [ ! -s "$program" ] || [ ! -s "$library" ]; then die "no packages in $packages; ./dev package builds them"; fi
# The first command of the section "Examples".
example=$(awk '/^## Examples/ { section = 1 } section && block { print; exit } section && /^```sh/ { block = 1 }' "$top/README.md")
[[ $example == qcow2-to-stdout* ]] || die "the first example of README.md is no command: $example"

make_debian_root
mkdir "$root/work"
cp "$program" "$library" "$root/work/"
truncate -s 64M "$root/work/disk.raw"
dd if="$program" of="$root/work/disk.raw" bs=64k seek=100 conv=notrunc status=none
# Minimal roots leave out manuals and the like.
rm -f "$root"/etc/dpkg/dpkg.cfg.d/*

apt="env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=60"
files="find / -xdev '(' -path /proc -o -path /sys -o -path /dev -o -path /var -o -path /work ')' -prune -o -print"
in_root "apt-get -qq update"

say "apt-get install ${program##*/}"
in_root "$files | sort > /work/before
    $apt install /work/${program##*/} > /work/apt.log
    grep -h ^Unpacking /work/apt.log | sed 's/^/   /'
    dpkg -V qcow2-to-stdout
    qcow2-to-stdout --version
    test -s /usr/share/man/man1/qcow2-to-stdout.1.gz
    test -s /usr/share/zsh/vendor-completions/_qcow2-to-stdout
    test -s /usr/share/fish/vendor_completions.d/qcow2-to-stdout.fish
    . /usr/share/bash-completion/completions/qcow2-to-stdout
    complete -p qcow2-to-stdout"

say "the first example of README.md: $example"
in_root "cd /work; $example"
ls -l "$root/work/disk.qcow2"
qemu-img check -f qcow2 "$root/work/disk.qcow2"
qemu-img compare -f raw -F qcow2 "$root/work/disk.raw" "$root/work/disk.qcow2"

say "apt-get purge"
in_root "$apt purge qcow2-to-stdout > /work/apt.log
    $apt autoremove --purge > /work/apt.log
    $files | sort > /work/after
    if diff /work/before /work/after | grep '^[<>]'; then exit 1; fi
    ! find / -xdev -name '*qcow2-to-stdout*' -not -path '/work/*' -not -path '/proc/*' | grep . "

say "apt-get install ${library##*/}, and the examples with CMake and pkg-config"
in_root "cd /work
    $apt install /work/${library##*/} g++ cmake make pkg-config > /work/apt.log
    cmake -S /usr/share/doc/libqcow2stream-dev/examples -B build > cmake.log
    cmake --build build > build.log
    g++ -std=c++20 /usr/share/doc/libqcow2stream-dev/examples/convert.cc \$(pkg-config --cflags --libs qcow2stream) -o convert
    for program in build/convert ./convert; do \$program disk.raw | cmp - disk.qcow2; done
    $apt purge libqcow2stream-dev > /work/apt.log
    ! find / -xdev -name '*qcow2stream*' -not -path '/work/*' -not -path '/proc/*' | grep . "

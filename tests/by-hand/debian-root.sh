# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A minimal Debian 12 in a directory, for the scripts that prove something on it. A script sets $name, what it is
# called in its messages, and sources this file. Packages come from where this machine's apt has them.
#
#   KEEP=1       keep the root, to look into it
#   TMPDIR=DIR   where it is made; default /var/tmp
#   MIRROR=URL   another Debian mirror
set -euo pipefail

suite=bookworm
: "${name:?}"

say() { printf '== %s: %s\n' "$name" "$*"; }
die() { printf '%s: %s\n' "${name// /-}" "$*" >&2; exit 1; }

finish() {
    local status=$?
    if [ "${KEEP:-0}" = 1 ]; then
        say "kept: $machine"
    else
        rm -rf --one-file-system "$machine"
    fi
    if [ $status -eq 0 ]; then say "passed in $SECONDS s"; else say "FAILED (status $status) in $SECONDS s"; fi
}

# make_debian_root: it is in $root, and goes away with the script.
make_debian_root() {
    local tool sources mirror file
    [ "$(id -u)" -eq 0 ] || die "must be run as root"
    for tool in debootstrap git unshare; do
        command -v $tool >/dev/null || die "$tool is missing: apt-get install debootstrap git util-linux"
    done
    # Everything is mounted in a namespace that ends with its commands: what is left is plain files.
    machine=$(mktemp -d "${TMPDIR:-/var/tmp}/${name// /-}.XXXXXX")
    trap finish EXIT

    # Where this machine gets Debian from, as sources.list lines; nothing on another distribution.
    # shellcheck disable=SC2016 # apt's own variables
    sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        grep -E " $suite(-[a-z]+)? " || true)
    mirror=${MIRROR:-$(awk -v suite=$suite '$3 == suite { print $2; exit }' <<<"$sources")}

    say "debootstrap $suite"
    root=$machine/root
    mkdir "$root"
    # Without a mirror debootstrap has a default of its own.
    unshare --mount debootstrap --variant=minbase $suite "$root" ${mirror:+"$mirror"} >"$machine/debootstrap.log" 2>&1 || {
        tail -n 20 "$machine/debootstrap.log" >&2
        die "debootstrap failed"
    }

    [ -n "${MIRROR:-}" ] || [ -z "$sources" ] || printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
    # Proxies, certificates and the like.
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' >"$root/etc/apt/apt.conf.d/90host"
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
        [ ! -e $file ] || install -D -m 644 "$(readlink -f $file)" "$root$file"
    done
}

# inside ROOT COMMAND: runs in namespaces of its own for mounts and processes; both end with it.
inside() {
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount --rbind /sys "$1/sys"
    exec chroot "$1" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -euc "$2"
}
export -f inside

# in_root COMMAND: on the new machine.
in_root() { unshare --mount --pid --fork --kill-child bash -euc 'inside "$@"' inside "$root" "$1" </dev/null; }

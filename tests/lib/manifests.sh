# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of roots and manifests share. tests/helpers/manifest.py knows docs/manifest.md alone.

need python3

# root_of DISK: of a raw disk, by the page.
# shellcheck disable=SC2154  # helpers is that of lib.sh
root_of() { python3 "$helpers/manifest.py" root "$1"; }

# root_in MANIFEST [DISK]: all in it is right, also of this disk.
root_in() { python3 "$helpers/manifest.py" check "$@"; }

# overwrite FILE OFFSET LENGTH SEED: in place, and the file keeps its time.
overwrite() {
  local time
  time=$(stat -c %y "$1")
  data "$@"
  touch -d "$time" "$1"
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the servers of one folder share that `up FOLDER` starts and `down FOLDER` ends.
# shellcheck disable=SC2034

verb=$1 folder=$(realpath -m -- "$2")
PATH=/usr/bin:/usr/sbin:$PATH

# end_daemons FILE...: ends those whose numbers are in the files, one after the other.
end_daemons() {
    local file pid
    for file; do
        pid=$(cat "$file" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        while [[ -d /proc/$pid ]]; do sleep 0.1; done
    done
}

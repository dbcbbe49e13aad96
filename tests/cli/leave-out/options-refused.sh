#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Options with which --leave-out makes no sense, and words that it does not know.
# shellcheck source-path=SCRIPTDIR source=../../lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh" || exit 1

truncate -s 1M disk.raw
# refused PATTERN OPTION...
refused() { expect_refusal 2 "leave-out: .*$1" "$tool" "${@:2}" disk.raw; }
for word in '' nothing 'free,swap,x' 'free,' ',free' 'free+swap' Free; do refused '' --leave-out "$word"; done
refused 'not together with --scan none' --leave-out free --scan none
refused 'not together with -d' --leave-out free -d
refused 'not together with -d' --leave-out free -R
refused 'not together with --salvage' --leave-out free --salvage
refused 'not together with --allow-changes' --leave-out free --allow-changes
refused '-O raw' --leave-out free -O raw --mount .

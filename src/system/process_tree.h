// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/types.h>

#include <vector>

namespace qcow2stream {

// The processes that descend from this one, parents before their children. Orphans are among them
// only if this process is a "child subreaper". Empty if there is no /proc.
std::vector<pid_t> descendants();

// Sends `signal` to all descendants, at the same moment as far as they can tell: they are all
// stopped first, so that none sees another one end and takes that for the end of its input. Those
// that belong to another user are left out. `child`, if not 0, is among them even without a /proc.
void signal_descendants(int signal, pid_t child);

}  // namespace qcow2stream

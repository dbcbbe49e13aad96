// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <linux/filter.h>

#include <vector>

namespace qcow2stream {

// A filter for seccomp(2) that leaves a program what it needs to compute, to read and write files
// that it can open, to run threads, and to serve sockets that it was given. It can make no
// connection, no other process, and no use of another process; it cannot change the attributes of
// files. Refused calls fail with EACCES; calls that are newer than this program, or whose arguments
// are hidden in memory, fail with ENOSYS, as on an older kernel. Empty for processors for which
// there is no filter.
std::vector<sock_filter> system_call_filter();

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Confines the very process that calls it, for good, to what is needed to compute: it reads the
// descriptors that it has, answers on sockets that it has, takes and gives back memory, and ends.
// It is for a program that is started for nothing else; a library must never do so to its caller.

#pragma once

#include <linux/filter.h>

#include <vector>

namespace qcow2stream {

// Forbids this thread, and those that it starts, to use files and rights: it can open nothing, and
// has no capabilities. Limits the memory that the process can take. False, with errno, if the
// kernel refuses.
[[nodiscard]] bool forbid_files_and_rights();

// From then on all threads of the process can make only the system calls that computing needs;
// all others fail with EACCES. No memory can be made executable, and no thread be started unless
// `threads` says so. False, with errno, if the kernel refuses, or has no such filters (ENOSYS).
[[nodiscard]] bool allow_computing_only(bool threads);

}  // namespace qcow2stream

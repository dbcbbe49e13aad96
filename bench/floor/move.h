// SPDX-License-Identifier: GPL-2.0-or-later
//
// The bare transfers of runs of a disk, with whatever the kernel has.

#pragma once

#include <cstdint>
#include <vector>

#include "floor/support.h"

namespace bench {

// Makes the pipe as large as an unprivileged process may.
void enlarge_pipe(int fd);

// Ends the process if `out` is not a pipe.
void splice_runs(int fd, const std::vector<Run>& runs, int out);

// copy_file_range, then sendfile, then read and write: the first that works. Returns its name.
const char* copy_runs(int fd, const std::vector<Run>& runs, int out);

// Throws the pages of a pipe away until its end. Returns the bytes.
std::uint64_t discard_pipe(int pipe);
// The same of a socket, by reading.
std::uint64_t discard_socket(int socket);

}  // namespace bench

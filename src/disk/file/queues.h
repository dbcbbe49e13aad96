// SPDX-License-Identifier: GPL-2.0-or-later
//
// The two request queues for a descriptor that can be read at any position.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "qcow2stream/disk.h"

namespace qcow2stream {

// What both need to know of the disk. Owned by the disk, which outlives its queues.
struct ReadTarget {
  const std::string& name;
  int fd;
  std::uint64_t size;  // bytes
};

// io_uring; null where the kernel or a seccomp filter (as containers have) does not allow it.
std::unique_ptr<RequestQueue> make_uring_queue(const ReadTarget& target, unsigned depth);

// Threads that block in pread(); a read that the page cache can serve never leaves the caller.
std::unique_ptr<RequestQueue> make_thread_queue(const ReadTarget& target, unsigned depth);

}  // namespace qcow2stream

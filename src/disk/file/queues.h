// SPDX-License-Identifier: GPL-2.0-or-later
//
// The two request queues for a descriptor that can be read at any position.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "qcow2stream/disk.h"

namespace qcow2stream {

// What a queue needs to know of the disk, which owns it all and outlives its queues.
struct ReadTarget {
  const std::string& name;
  int fd;
  std::uint64_t size;  // bytes
};

// A queue that uses io_uring. Null where the kernel, or a seccomp filter as containers have it,
// does not allow that.
std::unique_ptr<RequestQueue> make_uring_queue(const ReadTarget& target, unsigned depth);

// A queue with threads that wait in pread(). A read that the page cache can serve is done by the
// caller.
std::unique_ptr<RequestQueue> make_thread_queue(const ReadTarget& target, unsigned depth);

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "disk/nbd/connection.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// What the server accepts in one request. A queue makes requests of that kind for any read.
struct NbdLimits {
  std::uint64_t alignment = 1;          // of offset and length; a power of two
  std::uint64_t maximum = 32ULL << 20;  // bytes, a multiple of the alignment
};

// A queue that keeps reads in flight on a connection, which must outlive it and may serve others,
// too.
std::unique_ptr<RequestQueue> make_nbd_queue(NbdConnection& connection, const NbdLimits& limits);

}  // namespace qcow2stream

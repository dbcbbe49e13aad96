// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "disk/nbd_connection.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// Reads in flight on a connection. `alignment` is the least that the server reads (a power of two).
// The connection must outlive the queue and may serve others too.
std::unique_ptr<RequestQueue> make_nbd_queue(NbdConnection& connection, std::uint64_t alignment);

// The extents of `range` as base:allocation tells them; asked for in large pieces.
std::unique_ptr<ExtentCursor> make_nbd_extents(NbdConnection& connection, GuestRange range,
                                               std::uint64_t alignment);

}  // namespace qcow2stream

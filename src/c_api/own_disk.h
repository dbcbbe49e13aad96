// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "qcow2stream/c.h"
#include "qcow2stream/disk.h"

namespace qcow2stream::c_api {

// A disk that is what the caller's functions say. Calls `close` when it is destroyed, but not where
// this throws.
std::shared_ptr<const Disk> open_own_disk(const qcow2stream_disk_functions& functions,
                                          void* context, std::string name, std::uint64_t size);

}  // namespace qcow2stream::c_api

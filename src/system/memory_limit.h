// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>

#include "system/block_device.h"

namespace qcow2stream {

// How many bytes of memory this process may have at most: those of the machine, or fewer if it is
// in a control group (a container, a service, a batch job) with a limit. Other processes in the
// group share them. Never fails: a limit that cannot be found out does not count.
std::uint64_t memory_limit(const SystemRoots& roots = {});

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>

#include "system/block_device.h"

namespace qcow2stream {

// Bytes that this process may have at most: the machine's memory, or less where it is in a control
// group (a container, a service, a batch job) with a limit. Others in the group share them. Never
// fails: what cannot be found out limits nothing.
std::uint64_t memory_limit(const SystemRoots& roots = {});

}  // namespace qcow2stream

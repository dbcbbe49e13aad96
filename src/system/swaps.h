// SPDX-License-Identifier: GPL-2.0-or-later
//
// The swap space that this machine uses, as /proc/swaps lists it (proc(5)).

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "system/block_device.h"

namespace qcow2stream {

struct Swap {
  std::string name;             // of the device or the file, as the kernel has it
  std::optional<dev_t> device;  // nothing if it is a file
};

// None if there is no /proc. A device whose number is not found out is not listed: the name may be
// of a /dev that is not ours, and is looked for in sysfs and in /proc/partitions then.
std::vector<Swap> read_swaps(const SystemRoots& roots);

}  // namespace qcow2stream

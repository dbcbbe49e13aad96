// SPDX-License-Identifier: GPL-2.0-or-later
//
// Refuses devices and exports that nothing is attached to. Their size is 0, and QEMU reads them as
// an empty disk, or as zeros below an image.

#pragma once

#include <cstdint>

#include "disk/qemu/node.h"

namespace qcow2stream {

// Throws Error{kFailed} if a file of the source, or one that such a file names, is a block device
// without a size. An isolated source has one file only, which open_disk() has looked at.
void check_devices_below(const QemuSource& source);

// Throws Error{kFailed} if what QEMU serves as `source` has no byte and neither the header of an
// image nor an empty file says so.
void check_size_served(const QemuSource& source, std::uint64_t size);

}  // namespace qcow2stream

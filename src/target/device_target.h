// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>
#include <string>

#include "qcow2stream/target.h"

namespace qcow2stream {

// A block device. Throws Error{kFailed} about the target: if it is mounted, or part of another
// device, unless it is only compared; if nothing is attached to it.
std::unique_ptr<Target> open_device_target(const std::string& path, const TargetOptions& options);

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

#include "qcow2stream/disk.h"

namespace qcow2stream {

// Throws Error{kMismatch} about the image, with Advice::kApply: it is an increment, and what it is
// an increment of, which it calls `backing`, is not there.
[[noreturn]] void refuse_increment(const Disk& file, const std::string& backing);

}  // namespace qcow2stream

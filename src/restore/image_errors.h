// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is wrong with an image that is being restored.

#pragma once

#include <string>

#include "qcow2stream/error.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Throws Error{kFailed} about the image.
[[noreturn]] void throw_not_streamed(const std::string& name, const std::string& reason,
                                     Advice advice = Advice::kNone);

// Each throws Error{kDamaged} about the image.
[[noreturn]] void throw_damaged(const std::string& name, HostOffset at, const std::string& reason);
[[noreturn]] void throw_cut_off(const std::string& name, std::uint64_t length,
                                const std::string& missing);

}  // namespace qcow2stream

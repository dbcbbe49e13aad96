// SPDX-License-Identifier: GPL-2.0-or-later
//
// The errors that all targets have in common, so that they use the same words.

#pragma once

#include <string>

#include "qcow2stream/types.h"

namespace qcow2stream {

// Each throws Error{kFailed} about the target.
[[noreturn]] void throw_target_error(const std::string& name, const std::string& what_failed,
                                     int error);
[[noreturn]] void throw_target_error(const std::string& name, const std::string& what_failed,
                                     const std::string& reason);
[[noreturn]] void throw_write_error(const std::string& name, GuestOffset offset, int error);

}  // namespace qcow2stream

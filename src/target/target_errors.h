// SPDX-License-Identifier: GPL-2.0-or-later
//
// The errors that all targets have in common, so that they use the same words.

#pragma once

#include <cstdint>
#include <string>

#include "qcow2stream/types.h"

namespace qcow2stream {

// Each throws Error{kFailed} about the target.
[[noreturn]] void throw_target_error(const std::string& name, const std::string& what_failed,
                                     int error);
[[noreturn]] void throw_target_error(const std::string& name, const std::string& what_failed,
                                     const std::string& reason);
[[noreturn]] void throw_write_error(const std::string& name, GuestOffset offset, int error);
[[noreturn]] void throw_target_read_error(const std::string& name, GuestOffset offset, int error);
// A disk of `size` bytes does not fit, as there is room for `room` bytes only.
[[noreturn]] void throw_too_small(const std::string& name, std::uint64_t size, std::uint64_t room);

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later
//
// The library's own side of trace.h: here it tells what it does in place of what was refused.

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream {

// Tells that `refused` was refused to `name`, why, and what is done instead. Thread-safe, never
// throws.
void tell(std::string_view name, std::string_view refused, std::string_view why,
          std::string_view instead) noexcept;
// The same, where the reason is an error number of the system.
void tell(std::string_view name, std::string_view refused, int error,
          std::string_view instead) noexcept;

}  // namespace qcow2stream

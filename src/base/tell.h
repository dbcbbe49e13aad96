// SPDX-License-Identifier: GPL-2.0-or-later
//
// The library's side of trace.h.

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream {

// Tells what was refused to `name`, why, and what takes its place. Thread-safe, never throws.
void tell(std::string_view name, std::string_view refused, std::string_view why,
          std::string_view instead) noexcept;
// The same, by an error number of the system.
void tell(std::string_view name, std::string_view refused, int error,
          std::string_view instead) noexcept;

// Writes such a line to standard error. It stands in src/system/: this room is pure.
void print_told_line(std::string_view line);

}  // namespace qcow2stream

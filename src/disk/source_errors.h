// SPDX-License-Identifier: GPL-2.0-or-later
//
// The errors that all sources have in common, so that they use the same words.

#pragma once

#include <cstdint>
#include <string>

#include "qcow2stream/types.h"

namespace qcow2stream {

// Throws Error{kFailed} unless `fd` is open for reading.
void check_open_for_reading(int fd, const std::string& name);

[[noreturn]] void throw_read_error(const std::string& name, GuestOffset offset, int error);
// The same with a reason of its own, for where more is known than the error number says.
[[noreturn]] void throw_read_error(const std::string& name, GuestOffset offset, int error,
                                   const std::string& reason);
// For a source that has no size, since an image of it would be a backup of nothing. `reason` says
// what it is that has none.
[[noreturn]] void throw_nothing_attached(const std::string& name, const std::string& reason);
[[noreturn]] void throw_disk_changed(const std::string& name, const std::string& how);
// `offset` is where a read found the end of a disk of `size` bytes.
[[noreturn]] void throw_disk_ended(const std::string& name, GuestOffset offset, std::uint64_t size);

}  // namespace qcow2stream

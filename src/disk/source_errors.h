// SPDX-License-Identifier: GPL-2.0-or-later
//
// What every source says in the same words when it cannot be read or has changed.

#pragma once

#include <cstdint>
#include <string>

#include "qcow2stream/types.h"

namespace qcow2stream {

// Throws Error{kFailed} unless `fd` is open for reading.
void check_open_for_reading(int fd, const std::string& name);

[[noreturn]] void throw_read_error(const std::string& name, GuestOffset offset, int error);
// The same, where more is known than the error number says.
[[noreturn]] void throw_read_error(const std::string& name, GuestOffset offset, int error,
                                   const std::string& reason);
// `reason` says what it is that has no size. What has none is no backup of anything.
[[noreturn]] void throw_nothing_attached(const std::string& name, const std::string& reason);
[[noreturn]] void throw_disk_changed(const std::string& name, const std::string& how);
// `offset` is where a read found the end of a disk of `size` bytes.
[[noreturn]] void throw_disk_ended(const std::string& name, GuestOffset offset, std::uint64_t size);

}  // namespace qcow2stream

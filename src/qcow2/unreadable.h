// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

namespace qcow2stream::qcow2 {

// Throws Error{kFailed} about the disk, which says that `name` cannot be read as qcow2, and why.
[[noreturn]] void throw_unreadable(const std::string& name, const std::string& reason);

}  // namespace qcow2stream::qcow2

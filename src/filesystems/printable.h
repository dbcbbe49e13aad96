// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace qcow2stream {

// A label as Finding::name wants it: up to the first zero byte, anything but printable ASCII as
// "\xNN", a backslash too, and at most 64 characters.
std::string printable_label(std::span<const std::byte> bytes);

// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", the bytes in the order in which they stand. `bytes` has
// 16 of them.
std::string uuid_text(std::span<const std::byte> bytes);

}  // namespace qcow2stream

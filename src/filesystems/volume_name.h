// SPDX-License-Identifier: GPL-2.0-or-later
//
// How labels and UUIDs are shown (Finding::name).

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace qcow2stream {

// Printable ASCII as it is, anything else as "\xNN"; at most 64 characters.
std::string printable_name(std::string_view label);

// "01234567-89ab-cdef-0123-456789abcdef". Empty if all 16 bytes are zero.
std::string uuid_text(std::span<const std::byte> uuid);

}  // namespace qcow2stream

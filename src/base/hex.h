// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace qcow2stream {

// Two digits a byte, in lower case.
std::string hex(std::span<const std::byte> bytes);
std::string hex(std::string_view bytes);

// The bytes that such a text stands for; digits in upper case are good, too. Throws
// std::invalid_argument for any other text.
std::string from_hex(std::string_view text);

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qcow2stream {

// CRC-32C of the bytes, with nothing inverted: `crc` is what came out of the bytes before these,
// and ~0 at the beginning. Most formats store the complement of what comes out at the end.
std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes);

}  // namespace qcow2stream

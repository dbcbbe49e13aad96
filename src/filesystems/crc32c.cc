// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <limits>

namespace qcow2stream {

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) {
  constexpr std::size_t kMostPerCall = std::numeric_limits<int>::max();
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kMostPerCall));
    // ISA-L does not write to its input, but its header leaves the const out.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    auto* data = const_cast<std::byte*>(piece.data());
    crc = crc32_iscsi(reinterpret_cast<unsigned char*>(data), static_cast<int>(piece.size()), crc);
    bytes = bytes.subspan(piece.size());
  }
  return crc;
}

}  // namespace qcow2stream

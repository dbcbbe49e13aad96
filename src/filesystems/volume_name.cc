// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/volume_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace qcow2stream {

std::string printable_name(std::string_view label) {
  constexpr std::size_t kMost = 64;
  std::string name;
  for (const char c : label) {
    const auto code = static_cast<unsigned char>(c);
    const std::string shown = code >= 0x20 && code < 0x7f && c != '\\'
                                  ? std::string(1, c)
                                  : fmt::format("\\x{:02x}", code);
    if (name.size() + shown.size() > kMost) break;
    name += shown;
  }
  return name;
}

std::string uuid_text(std::span<const std::byte> uuid) {
  if (std::ranges::all_of(uuid, [](std::byte b) { return b == std::byte{0}; })) return {};
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned>(uuid[i]));
  }
  return text;
}

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/printable.h"

#include "base/hex.h"

namespace qcow2stream {

std::string printable_label(std::span<const std::byte> bytes) {
  constexpr std::size_t kMost = 64;
  std::string text;
  for (const std::byte byte : bytes) {
    if (byte == std::byte{0}) break;
    const auto character = std::to_integer<unsigned char>(byte);
    const bool is_plain = character >= ' ' && character <= '~' && character != '\\';
    const std::string shown = is_plain ? std::string(1, static_cast<char>(character))
                                       : "\\x" + hex(std::span(&byte, 1));
    if (text.size() + shown.size() > kMost) break;
    text += shown;
  }
  return text;
}

std::string uuid_text(std::span<const std::byte> bytes) {
  std::string text = hex(bytes);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) {
    if (dash < text.size()) text.insert(dash, 1, '-');
  }
  return text;
}

}  // namespace qcow2stream

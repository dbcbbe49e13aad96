// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/hex.h"

#include <charconv>
#include <stdexcept>
#include <system_error>

namespace qcow2stream {

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

std::string hex(std::string_view bytes) {
  return hex(std::as_bytes(std::span(bytes)));
}

std::string from_hex(std::string_view text) {
  if (text.size() % 2 != 0) throw std::invalid_argument("an odd number of hexadecimal digits");
  std::string bytes;
  for (; !text.empty(); text.remove_prefix(2)) {
    unsigned char byte = 0;
    const char* const end = text.data() + 2;
    const auto [stop, error] = std::from_chars(text.data(), end, byte, 16);
    if (error != std::errc() || stop != end) throw std::invalid_argument("no hexadecimal digit");
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/root.h"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "base/hex.h"

namespace qcow2stream {

std::string root_text(const ContentDigest& root) {
  return hex(root);
}

std::optional<ContentDigest> parse_root(std::string_view text) {
  ContentDigest root;
  if (text.size() != 2 * root.size()) return std::nullopt;
  try {
    const std::string bytes = from_hex(text);
    std::ranges::copy(std::as_bytes(std::span(bytes)), root.begin());
    return root;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace qcow2stream

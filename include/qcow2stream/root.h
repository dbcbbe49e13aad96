// SPDX-License-Identifier: GPL-2.0-or-later
//
// The root of a disk's content (docs/manifest.md), and what an image says of it.

#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace qcow2stream {

// The digest of a chunk, or the root. Its first byte is the first of its hexadecimal form.
using ContentDigest = std::array<std::byte, 32>;

// The root in hexadecimal, and back; nothing where the text is none.
std::string root_text(const ContentDigest& root);
std::optional<ContentDigest> parse_root(std::string_view text);

// An image can say what it holds: a header extension has the root of what its backing file held,
// and the last 512 bytes have its own root, which is known when all of the image is.
struct RootRecord {
  std::optional<ContentDigest> parent;
  bool trailer = true;
  friend bool operator==(const RootRecord&, const RootRecord&) = default;
};

}  // namespace qcow2stream

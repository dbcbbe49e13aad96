// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/fingerprint.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

#include "codec/codec.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kTextSize = 65536;

// The text consists of copies of what came before, of all lengths and from all distances, with new
// bytes between them. So matches compete, and another search or another hash function shows.
std::vector<std::byte> fixed_text() {
  std::vector<std::byte> text;
  text.reserve(kTextSize);
  std::uint64_t state = 1;
  const auto below = [&state](std::size_t limit) {
    state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
    return static_cast<std::size_t>(state >> 33) % limit;
  };
  while (text.size() < kTextSize) {
    const std::size_t begin =
        text.empty() ? 0
                     : text.size() - 1 - below(std::min<std::size_t>(text.size(), 1U << below(17)));
    const std::size_t copied = text.empty() ? 0 : below(1U << below(8));
    for (std::size_t i = 0; i < copied; ++i) text.push_back(text[begin + i]);
    for (std::size_t fresh = below(12); fresh > 0; --fresh) {
      text.push_back(static_cast<std::byte>('a' + std::min(below(26), below(26))));
    }
  }
  text.resize(kTextSize);
  return text;
}

}  // namespace

std::uint32_t fingerprint(const Compression& compression) {
  const std::vector<std::byte> text = fixed_text();
  std::vector<std::byte> compressed(kTextSize - 1);
  const std::size_t size = make_codec(compression, kTextSize)->compress(text, compressed);
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(compressed.data()), static_cast<uInt>(size)));
}

}  // namespace qcow2stream

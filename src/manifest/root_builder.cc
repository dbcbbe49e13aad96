// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/root_builder.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace qcow2stream {

void RootBuilder::carry(ContentDigest digest, unsigned above) {
  const std::uint64_t count = 1ULL << above;
  assert(position_ % count == 0);
  unsigned at = above;
  for (; (position_ >> at) % 2 != 0; ++at) digest = hash_.inner(waiting_.at(at), digest);
  waiting_.at(at) = digest;
  position_ += count;
}

void RootBuilder::append_zeros(std::uint64_t count) {
  while (count > 0) {
    const auto aligned = static_cast<unsigned>(std::countr_zero(position_));
    const auto fits = static_cast<unsigned>(std::bit_width(count)) - 1;
    const unsigned above = std::min({aligned, fits, content_tree::kTopLevel - level_});
    carry(zero_digest(level_ + above), above);
    count -= 1ULL << above;
  }
}

ContentDigest RootBuilder::finish(std::uint64_t length) {
  const unsigned top = content_tree::kTopLevel - level_;
  append_zeros((1ULL << top) - position_);
  return hash_.root(length, waiting_.at(top));
}

}  // namespace qcow2stream

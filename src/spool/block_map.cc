// SPDX-License-Identifier: GPL-2.0-or-later

#include "spool/block_map.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/bitset.h"

namespace qcow2stream {

void BlockMap::mark(std::uint64_t offset, std::uint64_t length) {
  assert(length <= std::numeric_limits<std::uint64_t>::max() - offset);
  if (length == 0) return;
  const std::uint64_t last = (offset + length - 1) / kSpoolBlock;
  if (last / kBlocks >= pieces_.size()) pieces_.resize(last / kBlocks + 1);
  for (std::uint64_t block = offset / kSpoolBlock; block <= last; ++block) {
    auto& piece = pieces_[block / kBlocks];
    if (!piece) piece = std::make_unique<Piece>();
    (*piece)[block % kBlocks / 64] |= 1ULL << (block % 64);
  }
}

std::uint64_t BlockMap::next(bool marked, std::uint64_t offset, std::uint64_t end) const {
  std::uint64_t block = offset / kSpoolBlock;
  while (block * kSpoolBlock < end) {
    const std::uint64_t index = block / kBlocks;
    const std::uint64_t next_piece = (index + 1) * kBlocks;
    if (index >= pieces_.size() || !pieces_[index]) {
      if (!marked) break;
      block = index >= pieces_.size() ? end / kSpoolBlock + 1 : next_piece;
      continue;
    }
    const std::uint64_t found =
        find_bit(*pieces_[index], block % kBlocks, marked ? 0 : ~0ULL) + index * kBlocks;
    block = found;
    if (found < next_piece) break;
  }
  return std::clamp(block * kSpoolBlock, offset, std::max(offset, end));
}

}  // namespace qcow2stream

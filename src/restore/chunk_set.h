// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <iterator>
#include <map>

namespace qcow2stream {

// Numbers of chunks. Takes a few hundred bytes for each 4096 of them that lie near each other.
class ChunkSet {
 public:
  void insert(std::uint64_t chunk) { blocks_[chunk / kBlock].set(chunk % kBlock); }
  void erase(std::uint64_t chunk) {
    const auto block = blocks_.find(chunk / kBlock);
    if (block == blocks_.end()) return;
    block->second.reset(chunk % kBlock);
    if (block->second.none()) blocks_.erase(block);
  }
  // All from `first` up to `end`. Takes time for the blocks that have any.
  void erase(std::uint64_t first, std::uint64_t end) {
    auto block = blocks_.lower_bound(first / kBlock);
    while (block != blocks_.end() && block->first * kBlock < end) {
      const std::uint64_t begin = block->first * kBlock;
      for (std::uint64_t i = std::max(first, begin); i < std::min(end, begin + kBlock); ++i) {
        block->second.reset(i - begin);
      }
      block = block->second.none() ? blocks_.erase(block) : std::next(block);
    }
  }
  [[nodiscard]] bool contains(std::uint64_t chunk) const {
    const auto block = blocks_.find(chunk / kBlock);
    return block != blocks_.end() && block->second.test(chunk % kBlock);
  }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  void clear() { blocks_.clear(); }

  // In ascending order. The set may not be changed meanwhile.
  template <class Use>
  void for_each(const Use& use) const {
    for (const auto& [number, bits] : blocks_) {
      for (std::uint64_t i = 0; i < kBlock; ++i) {
        if (bits.test(i)) use(number * kBlock + i);
      }
    }
  }

 private:
  static constexpr std::uint64_t kBlock = 4096;

  std::map<std::uint64_t, std::bitset<kBlock>> blocks_;  // those that have any
};

}  // namespace qcow2stream

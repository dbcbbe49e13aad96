// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs of what a file system allocates (blocks or clusters), and how they are found in a bitmap.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bitset.h"

namespace qcow2stream {

// The units [begin, begin + length).
struct UnitRun {
  std::uint64_t begin = 0;
  std::uint64_t length = 0;

  [[nodiscard]] std::uint64_t end() const { return begin + length; }
  friend bool operator==(const UnitRun&, const UnitRun&) = default;
};

// Runs in ascending order, joined where they touch. Its memory is bounded.
class RunList {
 public:
  // 64 MiB. A file system that is as fragmented as that would have 16 GiB of free space in pieces
  // of 4 KiB.
  static constexpr std::size_t kMostRuns = std::size_t{1} << 22;

  // REQUIRES: the run is not empty and begins at or behind the end of all that are there. Throws
  // Kept if there are too many.
  void append(UnitRun run);
  // Whether a run has a unit in common with one of these.
  [[nodiscard]] bool meets(UnitRun run) const;
  [[nodiscard]] std::span<const UnitRun> runs() const { return runs_; }

 private:
  std::vector<UnitRun> runs_;
};

// Sorts runs. False if two of them have a unit in common; `runs` is sorted in any case.
bool sort_apart(std::vector<UnitRun>& runs);

// Bitmaps of file systems are little-endian; the functions of base/bitset.h want the order of this
// machine.
inline void words_from_little(std::span<std::uint64_t> words) {
  if constexpr (std::endian::native == std::endian::big) {
    for (std::uint64_t& word : words) word = __builtin_bswap64(word);
  }
}

// Calls take(UnitRun) for each run of bits that are not set among the first `bits` ones.
// REQUIRES: bits <= 64 * words.size().
template <class Take>
void for_each_clear_run(std::span<const std::uint64_t> words, std::uint64_t bits, Take take) {
  for (std::uint64_t at = 0; at < bits;) {
    const std::uint64_t begin = find_bit(words, at, ~0ULL);
    if (begin >= bits) return;
    const std::uint64_t set = find_bit(words, begin, 0);
    at = set < bits ? set : bits;
    take(UnitRun{begin, at - begin});
  }
}

// How many of the bits [begin, end) are set. REQUIRES: end <= 64 * words.size().
std::uint64_t count_set(std::span<const std::uint64_t> words, std::uint64_t begin,
                        std::uint64_t end);

// Sets the bits [begin, end). REQUIRES: end <= 64 * words.size().
void set_bits(std::span<std::uint64_t> words, std::uint64_t begin, std::uint64_t end);

}  // namespace qcow2stream

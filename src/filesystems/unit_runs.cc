// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/unit_runs.h"

#include <algorithm>
#include <cassert>

#include "filesystems/kept.h"

namespace qcow2stream {

void RunList::append(UnitRun run) {
  assert(run.length > 0 && (runs_.empty() || run.begin >= runs_.back().end()));
  if (!runs_.empty() && runs_.back().end() == run.begin) {
    runs_.back().length += run.length;
    return;
  }
  if (runs_.size() == kMostRuns) throw Kept("its free space is in too many pieces");
  runs_.push_back(run);
}

bool RunList::meets(UnitRun run) const {
  if (run.length == 0) return false;
  // The first that ends behind the beginning of the run.
  const auto found = std::ranges::upper_bound(runs_, run.begin, {}, &UnitRun::end);
  return found != runs_.end() && found->begin < run.end();
}

bool sort_apart(std::vector<UnitRun>& runs) {
  std::ranges::sort(runs, {}, &UnitRun::begin);
  return std::ranges::adjacent_find(runs, [](const UnitRun& a, const UnitRun& b) {
           return b.begin < a.end();
         }) == runs.end();
}

std::uint64_t count_set(std::span<const std::uint64_t> words, std::uint64_t begin,
                        std::uint64_t end) {
  assert(begin <= end && end <= 64 * words.size());
  if (begin == end) return 0;
  const std::size_t first = begin / 64;
  const std::size_t last = (end - 1) / 64;
  std::uint64_t before = words[first] & low_bits(begin % 64);
  std::uint64_t behind = words[last] & ~low_bits((end - 1) % 64 + 1);
  return count_bits(words.subspan(first, last - first + 1)) - count_bits({&before, 1}) -
         count_bits({&behind, 1});
}

void set_bits(std::span<std::uint64_t> words, std::uint64_t begin, std::uint64_t end) {
  assert(begin <= end && end <= 64 * words.size());
  while (begin < end) {
    const std::uint64_t in_word = std::min<std::uint64_t>(64 - begin % 64, end - begin);
    words[begin / 64] |= low_bits(in_word) << begin % 64;
    begin += in_word;
  }
}

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/differences.h"

#include <fmt/format.h>

#include <iterator>
#include <string>

#include "common/standard_output.h"

namespace qcow2stream::cli {
namespace {

// Some 64 MiB. With more than that they are no longer sorted, and some that touch are two.
constexpr std::size_t kMostRanges = 1U << 20;

}  // namespace

void Differences::add(GuestRange range) {
  std::uint64_t begin = range.begin.value();
  std::uint64_t end = range.end().value();
  auto next = ranges_.lower_bound(begin);
  if (next != ranges_.begin() && std::prev(next)->second == begin) {
    begin = std::prev(next)->first;
    ranges_.erase(std::prev(next));
  }
  if (next != ranges_.end() && next->first == end) {
    end = next->second;
    ranges_.erase(next);
  }
  ranges_[begin] = end;
  if (ranges_.size() > kMostRanges) print();
}

void Differences::print() {
  std::string text;
  for (const auto& [begin, end] : ranges_) text += fmt::format("{} {}\n", begin, end - begin);
  printed_ += ranges_.size();
  ranges_.clear();
  print_to_stdout(text);
}

}  // namespace qcow2stream::cli

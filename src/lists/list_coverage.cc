// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/list_coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "qcow2stream/error.h"

namespace qcow2stream {

bool ListCoverage::add(const ListEntry& entry, GuestRange range) {
  if (range.length == 0) {
    if (++empty_ <= kMaxEmpty) return true;
    throw Error(
        ErrorKind::kFailed, name_, entry.place(),
        fmt::format("the map has more than {} entries that say nothing about the disk", kMaxEmpty));
  }
  if (entry.number > kMaxUnsorted) {
    // From here on only a sorted list is accepted, and checking that takes no memory.
    runs_.clear();
    remember_ = false;
  }
  if (sorted_ && range.begin >= covered_.end) {
    note(range);
    if (remember_) remember(range, kSortedStart);
    return true;
  }
  if (sorted_ && range.begin >= last_begin_) {
    throw Error(ErrorKind::kFailed, name_, entry.place(), "overlaps the one before")
        .at(range.begin.value());
  }
  if (entry.number > kMaxUnsorted) {
    throw Error(
        ErrorKind::kFailed, name_, entry.place(),
        fmt::format("the map has more than {} entries and is not sorted by offset", kMaxUnsorted));
  }
  if (!remember_) return false;
  sorted_ = false;
  remember(range, entry.number);
  // All ranges together have more bytes than the disk, so some overlap. This also keeps the pieces
  // few into which long entries are cut.
  if (total_ > limit_.value()) check_all();
  return true;
}

ListCoverage::Covered ListCoverage::finish() {
  if (!sorted_) check_all();
  return covered_;
}

// Ranges come here in ascending order.
void ListCoverage::note(GuestRange range) {
  if (range.begin > covered_.end && !covered_.gap) {
    covered_.gap = GuestRange{covered_.end, range.begin - covered_.end};
  }
  last_begin_ = range.begin;
  covered_.end = range.end();
}

void ListCoverage::remember(GuestRange range, std::uint64_t entry) {
  total_ += range.length;
  if (!runs_.empty() && runs_.back().entry() == entry && runs_.back().end() == range.begin) {
    const std::uint64_t n = std::min(kMaxPiece - runs_.back().length(), range.length);
    runs_.back().length_and_entry += n;
    range = range.without_first(n);
  }
  while (range.length > 0) {
    const GuestRange piece = range.take_front(kMaxPiece);
    runs_.push_back(
        {.begin = piece.begin, .length_and_entry = piece.length | entry << kLengthBits});
  }
}

void ListCoverage::check_all() {
  std::ranges::sort(runs_, {}, [](const Run& run) { return std::tuple(run.begin, run.entry()); });
  covered_ = {};
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i].begin < covered_.end) refuse_overlap(runs_[i - 1], runs_[i]);
    note({runs_[i].begin, runs_[i].length()});
  }
}

// Blames the entry that comes later in the file.
void ListCoverage::refuse_overlap(const Run& a, const Run& b) const {
  ListEntry later{.number = std::max(a.entry(), b.entry())};
  for (const Run& run : runs_) {
    if (run.entry() != later.number) continue;
    if (later.range.length == 0) later.range.begin = run.begin;
    later.range.length += run.length();
  }
  throw Error(ErrorKind::kFailed, name_, later.place(),
              fmt::format("overlaps what an earlier entry lists at offset {}", b.begin.value()))
      .at(b.begin.value());
}

}  // namespace qcow2stream

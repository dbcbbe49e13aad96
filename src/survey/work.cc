// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/work.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <chrono>
#include <utility>

#include "base/bits.h"

namespace qcow2stream {
namespace {

// A piece is large enough to read in sequence where that pays, and to keep the lock out of the
// profile. It is small enough that workers finish together, and a multiple of every cluster size.
constexpr std::uint64_t kPieceSize = SurveyWork::kMaxBatch / 2;

// Small extents come in batches, so that a fragmented disk does not take the lock for each.
constexpr std::size_t kMaxPieces = 64;

// For the sake of progress, extents are asked for in advance. These are the limits: they take 1 MiB
// of memory, and less time than anybody notices where a server is slow to answer.
constexpr std::size_t kMostAhead = 65536;
constexpr std::chrono::milliseconds kLongestAhead{100};

}  // namespace

SurveyWork::SurveyWork(std::unique_ptr<RunCursor> extents, std::uint64_t disk_size,
                       std::uint64_t alignment, Progress* progress, std::uint64_t unit)
    : cursor_(std::move(extents)),
      disk_size_(disk_size),
      alignment_(alignment),
      unit_(std::max(unit, alignment)),
      piece_size_(std::max(kPieceSize, unit_)),
      progress_(progress) {
  assert(std::has_single_bit(alignment) && std::has_single_bit(unit_));
  if (progress_ != nullptr) progress_->survey_total = std::max(look_ahead(), std::uint64_t{1});
}

// How many bytes of data there are as far as that is known now, with all bytes of the disk behind
// it.
std::uint64_t SurveyWork::look_ahead() {
  const auto deadline = std::chrono::steady_clock::now() + kLongestAhead;
  std::uint64_t data = 0;
  while (ahead_.size() < kMostAhead && std::chrono::steady_clock::now() < deadline) {
    const auto range = extent_of_cursor();
    if (!range) {
      known_to_ = GuestOffset(disk_size_);
      return data;
    }
    ahead_.push_back(*range);
    data += range->length;
    known_to_ = range->end();
  }
  return data + (disk_size_ - known_to_.value());
}

// The next extent with data, aligned. Two extents may share what the alignment adds to them; then
// the first one has it.
std::optional<GuestRange> SurveyWork::extent_of_cursor() {
  while (const auto extent = cursor_->next()) {
    if (!extent->is_data()) continue;
    const GuestOffset first(align_down(extent->range.begin.value(), alignment_));
    const GuestOffset end(std::min(align_up(extent->range.end().value(), alignment_), disk_size_));
    const GuestOffset begin = std::max(first, asked_to_);
    if (end <= begin) continue;
    asked_to_ = end;
    return GuestRange{begin, end - begin};
  }
  return std::nullopt;
}

bool SurveyWork::next_extent() {
  if (!ahead_.empty()) {
    rest_ = ahead_.front();
    ahead_.pop_front();
    return true;
  }
  const auto range = extent_of_cursor();
  if (range) rest_ = *range;
  return range.has_value();
}

// Whether what comes next belongs to another batch.
bool SurveyWork::is_complete(const std::vector<GuestRange>& batch, std::uint64_t bytes) const {
  if (bytes < piece_size_ && batch.size() < kMaxPieces) return false;
  const std::uint64_t last = batch.back().end().value() - 1;
  return align_down(last, unit_) != align_down(rest_.begin.value(), unit_);
}

bool SurveyWork::take(std::vector<GuestRange>& batch) {
  const std::lock_guard lock(mutex_);
  batch.clear();
  std::uint64_t bytes = 0;
  while (!stopped_) {
    if (rest_.length == 0 && !next_extent()) break;
    if (is_complete(batch, bytes)) break;
    const GuestOffset cut(align_down(rest_.begin.value() + piece_size_, piece_size_));
    const GuestRange piece = rest_.take_front(cut - rest_.begin);
    batch.push_back(piece);
    bytes += piece.length;
  }
  if (progress_ != nullptr) count_holes(batch);
  return !batch.empty();
}

// Counts holes in the same way as look_ahead(): where it was not known then what is data, they
// count.
void SurveyWork::count_holes(const std::vector<GuestRange>& batch) {
  for (const GuestRange& piece : batch) {
    const GuestOffset counted = std::max(counted_to_, known_to_);
    if (piece.begin > counted) progress_->survey_done += piece.begin - counted;
    counted_to_ = piece.end();
  }
}

void SurveyWork::done(std::uint64_t bytes) {
  if (progress_ != nullptr) progress_->survey_done += bytes;
}

void SurveyWork::complete() {
  if (progress_ != nullptr) progress_->survey_done.store(progress_->survey_total);
}

}  // namespace qcow2stream

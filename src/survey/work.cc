// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/work.h"

#include <algorithm>
#include <utility>

#include "base/bits.h"

namespace qcow2stream {
namespace {

// Large enough to read in sequence where that pays and to keep the lock out of the profile, small
// enough that workers finish together. A multiple of every cluster size.
constexpr std::uint64_t kPieceSize = SurveyWork::kMaxBatch / 2;

// Small extents come in batches, so that a fragmented disk does not take the lock for each.
constexpr std::size_t kMaxPieces = 64;

}  // namespace

SurveyWork::SurveyWork(std::unique_ptr<RunCursor> extents, std::uint64_t disk_size,
                       std::uint64_t alignment, Progress* progress)
    : cursor_(std::move(extents)),
      disk_size_(disk_size),
      alignment_(alignment),
      progress_(progress) {
  if (progress_ != nullptr) progress_->survey_total = disk_size;
}

// Two extents may share what the alignment adds to them; the first one has it.
bool SurveyWork::next_extent() {
  const GuestOffset handed_out = rest_.begin;
  while (const auto extent = cursor_->next()) {
    if (!extent->is_data()) continue;
    const GuestOffset begin(align_down(extent->range.begin.value(), alignment_));
    const GuestOffset end(std::min(align_up(extent->range.end().value(), alignment_), disk_size_));
    rest_.begin = std::max(begin, handed_out);
    if (end <= rest_.begin) continue;
    rest_.length = end - rest_.begin;
    return true;
  }
  return false;
}

bool SurveyWork::take(std::vector<GuestRange>& batch) {
  const std::lock_guard lock(mutex_);
  batch.clear();
  std::uint64_t bytes = 0;
  while (!stopped_ && bytes < kPieceSize && batch.size() < kMaxPieces) {
    if (rest_.length == 0 && !next_extent()) break;
    const GuestOffset cut(align_down(rest_.begin.value() + kPieceSize, kPieceSize));
    const GuestRange piece{rest_.begin, std::min(rest_.end(), cut) - rest_.begin};
    rest_ = {piece.end(), rest_.length - piece.length};
    batch.push_back(piece);
    bytes += piece.length;
  }
  if (batch.empty()) {
    if (progress_ != nullptr && !stopped_) progress_->survey_done.store(progress_->survey_total);
    return false;
  }
  if (progress_ != nullptr) progress_->survey_done.store(batch.back().end().value());
  return true;
}

}  // namespace qcow2stream

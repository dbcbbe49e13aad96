// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/compressed_layout.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/bits.h"
#include "qcow2/limits.h"

namespace qcow2stream {
namespace {

// A position takes 16 bytes, so positions take a sixteenth of a byte a cluster. Adding up 256 sizes
// takes less than a microsecond.
constexpr std::uint64_t kStep = 256;

std::uint32_t most_references(const qcow2::Geometry& geometry) {
  const unsigned bits = std::min(32U, geometry.refcount_bits());
  return static_cast<std::uint32_t>((1ULL << bits) - 1);
}

}  // namespace

CompressedLayout::CompressedLayout(const ClusterMap& map, const qcow2::Geometry& geometry)
    : sizes_(map.compressed_sizes()),
      cluster_bits_(geometry.cluster_bits),
      most_references_(most_references(geometry)) {
  assert(sizes_.empty() || most_references_ > 1);
  positions_.reserve(sizes_.size() / kStep + 1);
  std::uint64_t end = 0;
  for (Cursor at(*this, 0, 0, 0); !at.at_end(); at.next()) {
    if (at.rank_ % kStep == 0) positions_.push_back({at.offset_, at.references_});
    end = at.end();
  }
  size_ = align_up(end, qcow2::kSectorSize);
}

// Moves over the space that the current cluster takes.
void CompressedLayout::Cursor::next() {
  const unsigned bits = layout_->cluster_bits_;
  const std::uint64_t begin = offset_;
  offset_ += size();
  // It is less than a cluster, so it touches the one in which it begins and perhaps the next.
  const bool touches_next = (begin >> bits) != ((offset_ - 1) >> bits);
  references_ = touches_next ? 1 : references_ + 1;
  ++rank_;
  place();
}

// Moves from the end of the cluster before to the place where the current one begins.
void CompressedLayout::Cursor::place() {
  const std::uint64_t cluster_size = 1ULL << layout_->cluster_bits_;
  const bool at_border = offset_ % cluster_size == 0;
  if (at_border || references_ == layout_->most_references_) {
    offset_ = align_up(offset_, cluster_size);
    references_ = 0;
  }
}

CompressedLayout::Cursor CompressedLayout::at_rank(ClusterCount rank) const {
  assert(rank <= sizes_.size());
  if (positions_.empty()) return {*this, 0, 0, 0};
  const std::uint64_t step = std::min<std::uint64_t>(rank / kStep, positions_.size() - 1);
  Cursor cursor(*this, step * kStep, positions_[step].offset, positions_[step].references);
  while (cursor.rank_ < rank) cursor.next();
  return cursor;
}

CompressedLayout::Cursor CompressedLayout::at_offset(std::uint64_t offset) const {
  const auto after = std::ranges::upper_bound(positions_, offset, {}, &Position::offset);
  const auto step = static_cast<std::uint64_t>(after - positions_.begin());
  Cursor cursor = at_rank(step == 0 ? 0 : (step - 1) * kStep);
  while (!cursor.at_end() && cursor.end() <= offset) cursor.next();
  return cursor;
}

void CompressedLayout::count_references(std::uint64_t first,
                                        std::span<std::uint64_t> refcounts) const {
  std::ranges::fill(refcounts, 0);
  const std::uint64_t end = first + refcounts.size();
  for (Cursor at = at_offset(first << cluster_bits_); !at.at_end(); at.next()) {
    const std::uint64_t begins_in = at.offset() >> cluster_bits_;
    const std::uint64_t ends_in = (at.end() - 1) >> cluster_bits_;
    if (begins_in >= end) return;
    if (begins_in >= first) ++refcounts[begins_in - first];
    if (ends_in != begins_in && ends_in < end) ++refcounts[ends_in - first];
  }
}

}  // namespace qcow2stream

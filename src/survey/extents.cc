// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/extents.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace qcow2stream {
namespace {

class MapExtents final : public RunCursor {
 public:
  MapExtents(std::shared_ptr<const ClusterMap> map, Listed listed, std::uint64_t disk_size)
      : map_(std::move(map)), listed_(listed), end_(disk_size) {}

  std::optional<Run> next() override {
    if (at_ == map_->end()) return std::nullopt;
    const GuestCluster first =
        listed_ == Listed::kAll ? map_->next_mapped(at_) : map_->next(ClusterKind::kData, at_);
    const bool is_data = first == at_;
    const GuestOffset begin = map_->geometry().offset(at_);
    at_ = is_data ? map_->next_other(*map_->kind_of(at_), at_) : first;
    const GuestOffset end = std::min(map_->geometry().offset(at_), end_);
    return Run{.range = {begin, end - begin}, .holds = data_or_zeros(is_data)};
  }

 private:
  std::shared_ptr<const ClusterMap> map_;
  Listed listed_;
  GuestCluster at_;
  GuestOffset end_;
};

class ChunkRuns final : public RunCursor {
 public:
  explicit ChunkRuns(const Manifest& manifest)
      : cursor_(manifest), chunks_(manifest.chunk_count()), bits_(manifest.header().chunk_bits) {}

  std::optional<Run> next() override {
    if (at_ == chunks_) return std::nullopt;
    const std::uint64_t first = at_;
    const bool zeros = cursor_.at(at_).zeros;
    // Another look at the last one costs nothing.
    while (at_ < chunks_) {
      const ManifestChunk chunk = cursor_.at(at_);
      if (chunk.zeros != zeros) break;
      at_ += chunk.run;
    }
    return Run{.range = {GuestOffset(first << bits_), (at_ - first) << bits_},
               .holds = data_or_zeros(!zeros)};
  }

 private:
  Manifest::Cursor cursor_;
  const std::uint64_t chunks_;
  const unsigned bits_;
  std::uint64_t at_ = 0;
};

class CombinedExtents final : public RunCursor {
 public:
  enum class Data { kOfEither, kOfBoth };
  CombinedExtents(std::unique_ptr<RunCursor> a, std::unique_ptr<RunCursor> b, std::uint64_t size,
                  Data data)
      : a_{.cursor = std::move(a)},
        b_{.cursor = std::move(b)},
        rest_{GuestOffset(0), size},
        data_(data) {}

  std::optional<Run> next() override {
    if (rest_.length == 0) return std::nullopt;
    a_.seek(rest_);
    b_.seek(rest_);
    const GuestOffset end = std::min({a_.at.range.end(), b_.at.range.end(), rest_.end()});
    const bool is_data = data_ == Data::kOfEither ? a_.at.is_data() || b_.at.is_data()
                                                  : a_.at.is_data() && b_.at.is_data();
    return Run{.range = rest_.take_front(end - rest_.begin), .holds = data_or_zeros(is_data)};
  }

 private:
  struct Side {
    std::unique_ptr<RunCursor> cursor;
    Run at;
    void seek(GuestRange rest) {
      while (at.range.end() <= rest.begin) {
        const auto next = cursor->next();
        at = next ? *next : Run{.range = rest, .holds = Run::Holds::kZeros};
      }
    }
  };
  Side a_;
  Side b_;
  GuestRange rest_;
  Data data_;
};

}  // namespace

std::unique_ptr<RunCursor> extents_of(std::shared_ptr<const ClusterMap> map, Listed listed,
                                      std::uint64_t disk_size) {
  return std::make_unique<MapExtents>(std::move(map), listed, disk_size);
}

std::unique_ptr<RunCursor> runs_of(const Manifest& manifest) {
  return std::make_unique<ChunkRuns>(manifest);
}

std::unique_ptr<RunCursor> union_of(std::unique_ptr<RunCursor> a, std::unique_ptr<RunCursor> b,
                                    std::uint64_t size) {
  return std::make_unique<CombinedExtents>(std::move(a), std::move(b), size,
                                           CombinedExtents::Data::kOfEither);
}

std::unique_ptr<RunCursor> intersection_of(std::unique_ptr<RunCursor> a,
                                           std::unique_ptr<RunCursor> b, std::uint64_t size) {
  return std::make_unique<CombinedExtents>(std::move(a), std::move(b), size,
                                           CombinedExtents::Data::kOfBoth);
}

}  // namespace qcow2stream

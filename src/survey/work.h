// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hands out the disk's data to the survey's workers, a batch at a time.

#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "qcow2stream/disk.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Walks the data among some extents once, for all workers together. Thread-safe.
class SurveyWork {
 public:
  // `extents` are those of the whole disk, which has `disk_size` bytes. All pieces begin and end at
  // multiples of `alignment` (a power of two, at most the size of the largest cluster), or where
  // the disk ends. No byte is handed out twice. `progress` may be null. It counts bytes of data,
  // since holes take no time, as far as it is known where data is before the first piece is handed
  // out.
  // What lies within one multiple of `unit` (a power of two, at least the alignment) is handed out
  // at once.
  SurveyWork(std::unique_ptr<RunCursor> extents, std::uint64_t disk_size, std::uint64_t alignment,
             Progress* progress, std::uint64_t unit = 1);

  // Fills `batch` with the next pieces of data in ascending order. False at the end of the disk and
  // after stop(). A batch has less than kMaxBatch bytes, or than two units if that is more.
  bool take(std::vector<GuestRange>& batch);
  static constexpr std::uint64_t kMaxBatch = 16ULL << 20;

  // Say that so many bytes of what was handed out have been dealt with, or all of it. Only the
  // progress depends on it.
  void done(std::uint64_t bytes);
  void complete();

  // Makes take() return false from now on.
  void stop() { stopped_ = true; }

 private:
  std::uint64_t look_ahead();
  std::optional<GuestRange> extent_of_cursor();
  bool next_extent();
  [[nodiscard]] bool is_complete(const std::vector<GuestRange>& batch, std::uint64_t bytes) const;
  void count_holes(const std::vector<GuestRange>& batch);

  std::mutex mutex_;
  std::unique_ptr<RunCursor> cursor_;
  const std::uint64_t disk_size_;
  const std::uint64_t alignment_;
  const std::uint64_t unit_;
  const std::uint64_t piece_size_;
  std::deque<GuestRange> ahead_;  // extents that the cursor has given and that are still to come
  GuestOffset asked_to_;          // the end of the last one that it has given
  GuestOffset known_to_;          // up to here the data was known when progress began
  GuestOffset counted_to_;        // the end of what has been handed out
  GuestRange rest_;               // what is left of the extent that is being handed out
  Progress* progress_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace qcow2stream

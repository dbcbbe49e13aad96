// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hands the disk's data out to the survey's workers, a batch at a time.

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
  // multiples of `alignment` (a power of two, up to the largest cluster), or where the disk ends;
  // none is handed out twice. `progress` may be null; it counts the bytes of the data, since holes
  // take no time, as far as that is known before the first piece is handed out.
  SurveyWork(std::unique_ptr<RunCursor> extents, std::uint64_t disk_size, std::uint64_t alignment,
             Progress* progress);

  // Fills `batch` with the next pieces of data in ascending order; false at the end of the disk or
  // after stop(). A batch is less than kMaxBatch bytes of the disk.
  bool take(std::vector<GuestRange>& batch);
  static constexpr std::uint64_t kMaxBatch = 16ULL << 20;

  // So many bytes of what was handed out have been dealt with; all of it. Progress only.
  void done(std::uint64_t bytes);
  void complete();

  // Makes take() return false from now on.
  void stop() { stopped_ = true; }

 private:
  std::uint64_t look_ahead();
  std::optional<GuestRange> extent_of_cursor();
  bool next_extent();
  void count_holes(const std::vector<GuestRange>& batch);

  std::mutex mutex_;
  std::unique_ptr<RunCursor> cursor_;
  const std::uint64_t disk_size_;
  const std::uint64_t alignment_;
  std::deque<GuestRange> ahead_;  // extents that the cursor has given already
  GuestOffset asked_to_;          // the end of the last one that it has given
  GuestOffset known_to_;          // up to here the data was known when progress began
  GuestOffset counted_to_;        // the end of what has been handed out
  GuestRange rest_;               // of the extent that is being handed out
  Progress* progress_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace qcow2stream

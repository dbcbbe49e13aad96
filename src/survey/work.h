// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hands the disk's data out to the survey's workers, a batch at a time.

#pragma once

#include <atomic>
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
  // none is handed out twice. `progress` may be null.
  SurveyWork(std::unique_ptr<RunCursor> extents, std::uint64_t disk_size, std::uint64_t alignment,
             Progress* progress);

  // Fills `batch` with the next pieces of data in ascending order; false at the end of the disk or
  // after stop(). A batch is less than kMaxBatch bytes of the disk.
  bool take(std::vector<GuestRange>& batch);
  static constexpr std::uint64_t kMaxBatch = 16ULL << 20;

  // Makes take() return false from now on.
  void stop() { stopped_ = true; }

 private:
  bool next_extent();

  std::mutex mutex_;
  std::unique_ptr<RunCursor> cursor_;
  const std::uint64_t disk_size_;
  const std::uint64_t alignment_;
  GuestRange rest_;  // of the extent that is being handed out
  Progress* progress_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the confined program has told of the disk, kept for as long as it is likely to be asked for
// again.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "disk/confined/confined_reader.h"
#include "disk/confined/told_runs.h"
#include "disk/parts_queue.h"
#include "qcow2stream/types.h"

namespace qcow2stream::confined {

// A stretch of the disk, in runs without gaps.
using ToldRuns = std::vector<ToldRun>;

// All functions may be called by several threads at once.
class ToldDisk {
 public:
  // The reader must outlive it.
  ToldDisk(const ConfinedReader& reader, std::uint64_t disk_bytes, std::uint64_t file_bytes)
      : reader_(reader), disk_bytes_(disk_bytes), file_bytes_(file_bytes) {}

  // Runs of which one holds `offset`, which lies within the disk. Throws Error.
  [[nodiscard]] std::shared_ptr<const ToldRuns> around(GuestOffset offset) const;

 private:
  // As many as threads that read in different places.
  static constexpr std::size_t kKept = 16;

  [[nodiscard]] std::shared_ptr<const ToldRuns> ask(GuestOffset offset) const;

  const ConfinedReader& reader_;
  const std::uint64_t disk_bytes_;
  const std::uint64_t file_bytes_;
  mutable std::mutex mutex_;
  mutable std::array<std::shared_ptr<const ToldRuns>, kKept> kept_;
  mutable std::size_t oldest_ = 0;
};

// Looks runs up, and remembers where it was: walking in order is cheap. Belongs to one thread; the
// disk must outlive it.
class ToldWalk {
 public:
  explicit ToldWalk(const ToldDisk& disk) : disk_(disk) {}
  // What `range` begins with, which is not empty and lies within the disk. Throws Error.
  ToldRun run_at(GuestRange range);

 private:
  const ToldDisk& disk_;
  std::shared_ptr<const ToldRuns> runs_;
  std::size_t at_ = 0;  // in runs_
};

}  // namespace qcow2stream::confined

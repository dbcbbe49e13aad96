// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads what can be read of a disk that is damaged.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "qcow2stream/disk.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// A part of a disk that could not be read.
struct LostRange {
  GuestRange range;
  std::string reason;  // one line without the disk's name
};

// What could not be read of one disk. It reads as zeros from then on, even if it could be read
// later. All functions may be called by several threads at once.
class LostRanges {
 public:
  // More ranges than this are not told from each other: such a disk is an error.
  static constexpr std::size_t kMost = 1U << 20;

  // Notes that `range`, which is not empty, is lost, unless that is known. `disk` is what messages
  // call the disk. Throws Error{kFailed} where there are more than kMost ranges.
  void add(const std::string& disk, GuestRange range, const std::string& reason);

  [[nodiscard]] bool empty() const;
  // In the order of the disk. What adjoins is one range, with the reason of its first part.
  [[nodiscard]] std::vector<LostRange> all() const;

  // What `range`, which is not empty, begins with, as far as all of it is lost or nothing of it.
  struct Part {
    GuestRange range;
    bool is_lost = false;
  };
  [[nodiscard]] Part part_at(GuestRange range) const;
  // Why the first lost part of `range` is; nothing where nothing of it is.
  [[nodiscard]] std::optional<std::string> reason_in(GuestRange range) const;

 private:
  struct Entry {
    GuestOffset end;
    std::string reason;
  };
  using Entries = std::map<GuestOffset, Entry>;  // by where they begin; they do not touch
  [[nodiscard]] Entries::const_iterator first_in(GuestRange range) const;

  mutable std::shared_mutex mutex_;
  Entries entries_;
};

// A disk that is `disk`, but for what cannot be read of it: that becomes zeros and is noted in
// `lost`. Where a read fails it is repeated in parts of 4 KiB, each once. Errors that are not about
// a part of the disk are thrown as always: a lost connection, a disk that has changed. The kernel
// copies nothing from it.
std::shared_ptr<const Disk> salvaging(std::shared_ptr<const Disk> disk,
                                      std::shared_ptr<LostRanges> lost);

}  // namespace qcow2stream

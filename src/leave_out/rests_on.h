// SPDX-License-Identifier: GPL-2.0-or-later
//
// What findings rest on: ranges of a disk that were read, and what they held.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "digest/sha256.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Belongs to one thread, but check() may be called by several.
class RestsOn {
 public:
  // So many ranges take 100 MiB of memory.
  static constexpr std::size_t kMostRanges = 2'000'000;

  // `bytes` are what the disk held from `begin` on. False if there are too many.
  [[nodiscard]] bool add(GuestOffset begin, std::span<const std::byte> bytes);

  // How many there are, and only the first so many: what was read for nothing need not stay.
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  void keep_first(std::size_t count) { ranges_.resize(count); }

  // Reads all of them again. Throws Error: kChanged where one does not hold what it held.
  void check(const Disk& disk) const;

 private:
  struct Held {
    GuestRange range;
    Sha256::Value digest{};
  };
  std::vector<Held> ranges_;
  Sha256 hash_;
};

}  // namespace qcow2stream

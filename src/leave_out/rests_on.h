// SPDX-License-Identifier: GPL-2.0-or-later
//
// Collects what findings rest on: ranges of a disk that were read, and digests of what they held.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "digest/sha256.h"
#include "qcow2stream/leave_out.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Of each range (HeldRange).
inline constexpr std::uint64_t kMostHeldBytes = 2U << 20;
// So many ranges take 100 MiB of memory.
inline constexpr std::size_t kMostHeldRanges = 2'000'000;

// Belongs to one thread.
class RestsOn {
 public:
  // `bytes` are what the disk held from `begin` on. False if there are too many.
  [[nodiscard]] bool add(GuestOffset begin, std::span<const std::byte> bytes);

  // How many there are, and only the first so many: what was read for nothing need not stay.
  [[nodiscard]] std::size_t count() const { return ranges_.size(); }
  void keep_first(std::size_t count) { ranges_.resize(count); }

  // To be called once, when all has been added.
  std::vector<HeldRange> finish() { return std::exchange(ranges_, {}); }

 private:
  std::vector<HeldRange> ranges_;
  Sha256 hash_;
};

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later
//
// How a range of a regular file or a block device becomes zeros. The best way comes first:
//   fallocate(PUNCH_HOLE)  guaranteed zeros, and a thin target stays thin
//   BLKZEROOUT             a device's own command for it, or the kernel writes zeros past the cache
//   writing zeros          works everywhere
// BLKDISCARD is no such way: a device need not return zeros for what was discarded. What was
// refused once is not tried again.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "qcow2stream/types.h"
#include "target/target_descriptor.h"

namespace qcow2stream {

enum class ZeroMethod { kPunchHole, kZeroOut };

// Several threads may use it at once for ranges that do not overlap.
class Zeroing {
 public:
  // `methods` are tried in this order, for multiples of `alignment` bytes, a power of two; the
  // edges of a range are written. Both `target` and `methods` must outlive it.
  Zeroing(const TargetDescriptor& target, std::span<const ZeroMethod> methods,
          std::uint64_t alignment);

  // Throws Error{kFailed} about the target.
  void zero(GuestRange range);

 private:
  void zero_aligned(GuestRange range);
  bool zero_piece(GuestRange piece);

  const TargetDescriptor& target_;
  std::span<const ZeroMethod> methods_;
  std::uint64_t alignment_;
  std::atomic<std::size_t> refused_ = 0;  // how many of the methods
};

}  // namespace qcow2stream

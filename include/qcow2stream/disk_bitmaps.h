// SPDX-License-Identifier: GPL-2.0-or-later
//
// Dirty bitmaps that a disk keeps of itself, so that an image of it can have them, too.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qcow2stream {

struct DiskBitmap {
  std::string name;
  unsigned granularity_bits = 16;  // a bit stands for 2^granularity_bits bytes of the disk
  bool is_active = false;          // whoever writes to the disk is to mark it there
};

// A bitmap is bytes, of which the lowest bit comes first: as many as its bits need. Bits behind the
// end of the disk are not set. All functions are const and may be called by several threads at
// once.
class DiskBitmaps {
 public:
  virtual ~DiskBitmaps() = default;

  // Returns them in the order in which the disk has them.
  [[nodiscard]] virtual const std::vector<DiskBitmap>& list() const = 0;

  // What some bytes of a bitmap are known to hold without reading them.
  enum class Holds { kZeros, kOnes, kBits };
  struct Stretch {
    Holds holds = Holds::kBits;
    std::uint64_t length = 0;  // bytes, at least one
  };
  // Returns what begins at the byte `offset` of the bitmap with this number, which must have it;
  // the stretch may go beyond its end. In kOnes, bits behind the end of the disk count as set.
  // Throws Error.
  [[nodiscard]] virtual Stretch stretch_at(std::size_t number, std::uint64_t offset) const = 0;
  // Fills `buffer` with the bytes from `offset` on, all of which the bitmap must have. Throws
  // Error.
  virtual void read(std::size_t number, std::uint64_t offset,
                    std::span<std::byte> buffer) const = 0;
};

}  // namespace qcow2stream

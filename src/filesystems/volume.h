// SPDX-License-Identifier: GPL-2.0-or-later
//
// A volume is the bytes that one file system sees: a disk, a partition of it, or a logical volume
// that is put together of pieces. What examines file systems reads through this and nothing else.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "qcow2stream/types.h"

namespace qcow2stream {

// A byte of a volume, counted from its start.
using VolumeOffset = Position<struct VolumeOffsetTag>;
using VolumeRange = Range<VolumeOffset>;

class Volume {
 public:
  virtual ~Volume() = default;
  // In bytes. Constant for the life of the object.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // Fills `buffer` with what begins at `offset`. Throws Error{kFailed} if the range does not lie
  // within size(), whatever the numbers are, or if the disk cannot be read.
  virtual void read(VolumeOffset offset, std::span<std::byte> buffer) const = 0;
};

}  // namespace qcow2stream

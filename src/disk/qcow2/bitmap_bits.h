// SPDX-License-Identifier: GPL-2.0-or-later
//
// The bits of one persistent dirty bitmap, as the image stores them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "qcow2/bitmaps.h"
#include "qcow2/geometry.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Const and thread-safe. All that it is made of must outlive it. Every function throws
// Error{kFailed} where the bitmap's table is damaged.
class BitmapBits {
 public:
  // `file` holds the image whose bitmap this is.
  BitmapBits(const Disk& file, const qcow2::Geometry& geometry, const qcow2::Bitmap& bitmap)
      : file_(file), geometry_(geometry), bitmap_(bitmap) {}

  // What a part of the bits is, up to the end of a cluster of them.
  struct Part {
    qcow2::BitmapCluster::Kind kind = qcow2::BitmapCluster::Kind::kZeros;  // never kInvalid
    std::uint64_t length = 0;                                              // bytes
    HostOffset offset;  // of kStored: where it lies in the file
  };
  // Returns the part that begins at the byte `at` of the bits.
  [[nodiscard]] Part part_at(std::uint64_t at) const;
  // Reads stored bits, which begin at `offset` of the file.
  void read(HostOffset offset, std::span<std::byte> buffer) const;

 private:
  [[nodiscard]] std::uint64_t table_entry(std::uint64_t index) const;

  const Disk& file_;
  const qcow2::Geometry& geometry_;
  const qcow2::Bitmap& bitmap_;
};

}  // namespace qcow2stream

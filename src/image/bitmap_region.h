// SPDX-License-Identifier: GPL-2.0-or-later
//
// Generates the region of the dirty bitmaps that an image takes over from its disk.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "layout/layout.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// All functions are const and thread-safe. What it is made of must outlive it.
class BitmapRegion {
 public:
  // Without bitmaps in the layout it is asked nothing.
  BitmapRegion(const Layout& layout, const Disk& disk);

  // Fills `out` with the bytes of the region from `at` on; it must have them. Reads the disk's
  // bitmaps. Throws Error.
  void generate(std::uint64_t at, std::span<std::byte> out) const;

 private:
  void table(const BitmapLayout::Piece& piece, std::span<std::byte> out) const;
  void bits(const BitmapLayout::Piece& piece, std::span<std::byte> out) const;

  const Layout& layout_;
  const Disk& disk_;
  std::vector<std::byte> directory_;
};

}  // namespace qcow2stream

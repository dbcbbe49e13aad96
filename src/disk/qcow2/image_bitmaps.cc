// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/image_bitmaps.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "disk/qcow2/bitmap_bits.h"
#include "disk/qcow2/dirty_bitmaps.h"

namespace qcow2stream {
namespace {

using ClusterKind = qcow2::BitmapCluster::Kind;

DiskBitmaps::Holds holds_of(ClusterKind kind) {
  if (kind == ClusterKind::kStored) return DiskBitmaps::Holds::kBits;
  return kind == ClusterKind::kOnes ? DiskBitmaps::Holds::kOnes : DiskBitmaps::Holds::kZeros;
}

}  // namespace

ImageBitmaps::ImageBitmaps(const Qcow2Image& image)
    : image_(image), bitmaps_(reliable_bitmaps(image.file(), image.header())) {
  for (const qcow2::Bitmap& bitmap : bitmaps_) {
    list_.push_back({.name = bitmap.name,
                     .granularity_bits = bitmap.granularity_bits,
                     .is_active = bitmap.is_active});
  }
}

DiskBitmaps::Stretch ImageBitmaps::stretch_at(std::size_t number, std::uint64_t offset) const {
  const BitmapBits bits(image_.file(), image_.header().geometry, bitmaps_[number]);
  const BitmapBits::Part part = bits.part_at(offset);
  return {.holds = holds_of(part.kind), .length = part.length};
}

void ImageBitmaps::read(std::size_t number, std::uint64_t offset,
                        std::span<std::byte> buffer) const {
  const qcow2::Bitmap& bitmap = bitmaps_[number];
  const std::uint64_t bits = qcow2::bits_of_bitmap(image_.disk_size(), bitmap.granularity_bits);
  const std::uint64_t end = offset + buffer.size();
  assert(end <= qcow2::bytes_of_bitmap(image_.disk_size(), bitmap.granularity_bits));
  const BitmapBits stored(image_.file(), image_.header().geometry, bitmap);
  for (auto rest = buffer; !rest.empty();) {
    const BitmapBits::Part part = stored.part_at(end - rest.size());
    const auto out = rest.first(std::min<std::uint64_t>(part.length, rest.size()));
    if (part.kind == ClusterKind::kStored) {
      stored.read(part.offset, out);
    } else {
      std::memset(out.data(), part.kind == ClusterKind::kOnes ? 0xff : 0, out.size());
    }
    rest = rest.subspan(out.size());
  }
  // What the image holds behind the last bit means nothing.
  if (end * 8 > bits) buffer.back() &= std::byte(0xff >> (end * 8 - bits));
}

}  // namespace qcow2stream

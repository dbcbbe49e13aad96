// SPDX-License-Identifier: GPL-2.0-or-later

#include "image/bitmap_region.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/bits.h"
#include "qcow2stream/disk_bitmaps.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kBitmapTableEntry = 8;  // bytes

}  // namespace

BitmapRegion::BitmapRegion(const Layout& layout, const Disk& disk)
    : layout_(layout),
      disk_(disk),
      directory_(layout.bitmaps().directory(layout.bitmaps_begin())) {}

void BitmapRegion::generate(std::uint64_t at, std::span<std::byte> out) const {
  while (!out.empty()) {
    BitmapLayout::Piece piece = layout_.bitmaps().piece_at(at);
    piece.length = std::min<std::uint64_t>(piece.length, out.size());
    const auto part = out.first(piece.length);
    std::ranges::fill(part, std::byte{0});
    switch (piece.kind) {
      case BitmapLayout::Piece::Kind::kDirectory:
        if (piece.at < directory_.size()) {
          const auto rest = std::span(directory_).subspan(piece.at);
          std::ranges::copy(rest.first(std::min(rest.size(), part.size())), part.begin());
        }
        break;
      case BitmapLayout::Piece::Kind::kTable:
        table(piece, part);
        break;
      case BitmapLayout::Piece::Kind::kBits:
        bits(piece, part);
        break;
    }
    at += piece.length;
    out = out.subspan(piece.length);
  }
}

// A range may begin and end within an entry.
void BitmapRegion::table(const BitmapLayout::Piece& piece, std::span<std::byte> out) const {
  const HostOffset begin = layout_.bitmaps_begin();
  std::uint64_t at = piece.at;
  while (!out.empty()) {
    const std::uint64_t index = at / kBitmapTableEntry;
    const std::uint64_t skip = at % kBitmapTableEntry;
    std::uint64_t n = align_down(out.size(), kBitmapTableEntry);
    if (skip == 0 && n > 0) {
      layout_.bitmaps().fill_table(piece.bitmap, index, begin, out.first(n));
    } else {
      std::array<std::byte, kBitmapTableEntry> entry{};
      layout_.bitmaps().fill_table(piece.bitmap, index, begin, entry);
      n = std::min<std::uint64_t>(kBitmapTableEntry - skip, out.size());
      std::ranges::copy(std::span(entry).subspan(skip, n), out.begin());
    }
    at += n;
    out = out.subspan(n);
  }
}

// The last cluster of bits may have more room than there are bits.
void BitmapRegion::bits(const BitmapLayout::Piece& piece, std::span<std::byte> out) const {
  const DiskBitmaps& bitmaps = *disk_.bitmaps();
  const unsigned granularity = bitmaps.list()[piece.bitmap].granularity_bits;
  const std::uint64_t bytes = qcow2::bytes_of_bitmap(disk_.size(), granularity);
  if (piece.at >= bytes) return;
  const std::uint64_t length = std::min<std::uint64_t>(out.size(), bytes - piece.at);
  bitmaps.read(piece.bitmap, piece.at, out.first(length));
}

}  // namespace qcow2stream

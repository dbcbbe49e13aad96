// SPDX-License-Identifier: GPL-2.0-or-later
//
// A volume that is put together of stretches of another one.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "filesystems/volume.h"
#include "filesystems/volumes.h"

namespace qcow2stream {

// Calls take(VolumeRange of the volume, VolumeRange on the disk) for what `range` is made of, in
// order. What lies behind the last piece is not there.
template <class Take>
void for_each_piece(std::span<const Piece> pieces, VolumeRange range, Take take) {
  const auto behind = std::ranges::upper_bound(pieces, range.begin, {}, &Piece::at);
  if (behind == pieces.begin()) return;
  for (auto piece = std::prev(behind); piece != pieces.end() && range.length > 0; ++piece) {
    if (range.begin >= piece->at + piece->on_disk.length) return;
    const std::uint64_t skipped = range.begin - piece->at;
    const VolumeRange front = range.take_front(piece->on_disk.length - skipped);
    take(front, VolumeRange{piece->on_disk.begin + skipped, front.length});
  }
}

class PiecesVolume final : public Volume {
 public:
  // `disk` must outlive it. The pieces are as in FoundVolume.
  PiecesVolume(const Volume& disk, std::vector<Piece> pieces);

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override;

 private:
  const Volume& disk_;
  std::vector<Piece> pieces_;
  std::uint64_t size_ = 0;
};

// A volume of which it is not known where it lies.
class UnknownPlace final : public Volume {
 public:
  explicit UnknownPlace(std::uint64_t size) : size_(size) {}

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override;

 private:
  std::uint64_t size_;
};

}  // namespace qcow2stream

// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/pieces.h"

#include <utility>

#include "filesystems/fields.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

[[noreturn]] void fail_read(std::uint64_t offset) {
  throw Error(ErrorKind::kFailed, "volume", "read failed", "it does not lie within the volume")
      .at(offset);
}

}  // namespace

PiecesVolume::PiecesVolume(const Volume& disk, std::vector<Piece> pieces)
    : disk_(disk), pieces_(std::move(pieces)) {
  for (const Piece& piece : pieces_) size_ += piece.on_disk.length;
}

void PiecesVolume::read(VolumeOffset offset, std::span<std::byte> buffer) const {
  if (!lies_within(*this, offset.value(), buffer.size())) fail_read(offset.value());
  for_each_piece(pieces_, {offset, buffer.size()}, [&](VolumeRange part, VolumeRange on_disk) {
    disk_.read(on_disk.begin, buffer.subspan(part.begin - offset, part.length));
  });
}

void UnknownPlace::read(VolumeOffset offset, std::span<std::byte> /*buffer*/) const {
  fail_read(offset.value());
}

}  // namespace qcow2stream

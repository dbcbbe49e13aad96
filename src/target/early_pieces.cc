// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/early_pieces.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace qcow2stream {
namespace {

// The most of the file that is read into memory at once.
constexpr std::uint64_t kFromFile = 1 << 20;

}  // namespace

EarlyPieces::EarlyPieces(std::uint64_t memory, std::optional<std::string> directory)
    : memory_(memory), directory_(std::move(directory)) {}

// A piece in the middle of another one makes three of it. Data leaves some of the memory for the
// list of what is in the file.
bool EarlyPieces::has_room(std::uint64_t bytes) const {
  const std::uint64_t for_the_list = directory_ && bytes != 0 ? memory_ / 8 : 0;
  const std::uint64_t used = used_ + 2 * kPieceCost + for_the_list;
  return used <= memory_ && bytes <= memory_ - used;
}

bool EarlyPieces::keep(GuestOffset offset, std::span<const std::byte> bytes) {
  assert(!bytes.empty());
  const GuestRange range = {offset, bytes.size()};
  if (has_room(bytes.size())) {
    clear(range);
    insert(offset, {.where = Where::kMemory,
                    .length = bytes.size(),
                    .bytes = std::vector<std::byte>(bytes.begin(), bytes.end())});
    return true;
  }
  if (!directory_ || !has_room(0)) return false;
  if (!file_) file_.emplace(*directory_);
  // Where something was kept before, the file may hold old bytes, which zeros must replace, too.
  if (clear(range)) {
    file_->overwrite(offset.value(), bytes);
  } else {
    file_->write(offset.value(), bytes);
  }
  if (file_size_ < range.end().value()) {  // zeros at its end are not written
    file_size_ = range.end().value();
    file_->resize(file_size_);
  }
  insert(offset, {.where = Where::kFile, .length = bytes.size(), .bytes = {}});
  return true;
}

bool EarlyPieces::keep_zeros(GuestRange range) {
  if (!has_room(0)) return false;
  clear(range);
  insert(range.begin, {.where = Where::kZeros, .length = range.length, .bytes = {}});
  return true;
}

void EarlyPieces::forget(GuestRange range) {
  clear(range);
}

// Nothing may be kept there. Neighbours of the same kind become one piece, but for those in memory.
void EarlyPieces::insert(GuestOffset offset, Kept kept) {
  if (kept.where == Where::kZeros) zeros_ += kept.length;
  auto next = pieces_.lower_bound(offset);
  if (kept.where != Where::kMemory) {
    if (next != pieces_.end() && next->first == offset + kept.length &&
        next->second.where == kept.where) {
      kept.length += next->second.length;
      used_ -= kPieceCost;
      next = pieces_.erase(next);
    }
    if (next != pieces_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second.length == offset && before->second.where == kept.where) {
        before->second.length += kept.length;
        return;
      }
    }
  }
  used_ += kPieceCost + kept.bytes.size();
  pieces_.emplace_hint(next, offset, std::move(kept));
}

EarlyPieces::Map::iterator EarlyPieces::erase(Map::iterator piece) {
  used_ -= kPieceCost + piece->second.bytes.size();
  if (piece->second.where == Where::kZeros) zeros_ -= piece->second.length;
  return pieces_.erase(piece);
}

// Makes two pieces of one that goes on from before `offset` to behind it.
void EarlyPieces::split(GuestOffset offset) {
  auto piece = pieces_.lower_bound(offset);
  if (piece == pieces_.begin()) return;
  --piece;
  Kept& whole = piece->second;
  const std::uint64_t first = offset - piece->first;
  if (first >= whole.length) return;
  Kept rest{.where = whole.where, .length = whole.length - first, .bytes = {}};
  if (whole.where == Where::kMemory) {
    rest.bytes.assign(whole.bytes.begin() + static_cast<std::ptrdiff_t>(first), whole.bytes.end());
    whole.bytes.resize(first);
    whole.bytes.shrink_to_fit();
  }
  whole.length = first;
  used_ += kPieceCost;
  pieces_.emplace_hint(std::next(piece), offset, std::move(rest));
}

// Whether anything was there.
bool EarlyPieces::clear(GuestRange range) {
  split(range.begin);
  split(range.end());
  const auto first = pieces_.lower_bound(range.begin);
  auto piece = first;
  bool found = false;
  while (piece != pieces_.end() && piece->first < range.end()) {
    found = true;
    piece = erase(piece);
  }
  return found;
}

std::optional<EarlyPieces::Piece> EarlyPieces::take(GuestOffset offset, GuestOffset end) {
  auto found = pieces_.find(offset);
  if (found == pieces_.end() || end <= offset) return std::nullopt;
  const bool in_file = found->second.where == Where::kFile;
  split(std::min(end, offset + std::min(found->second.length, in_file ? kFromFile : UINT64_MAX)));
  found = pieces_.find(offset);
  Piece piece{.length = found->second.length, .bytes = {}};
  if (in_file) {
    piece.bytes.resize(piece.length);
    file_->read(offset.value(), piece.bytes);
    file_->discard(offset.value(), piece.length);
  }
  used_ -= found->second.bytes.size();
  if (found->second.where == Where::kMemory) piece.bytes = std::exchange(found->second.bytes, {});
  erase(found);
  return piece;
}

}  // namespace qcow2stream

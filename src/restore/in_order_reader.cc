// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/in_order_reader.h"

#include <algorithm>
#include <utility>

namespace qcow2stream {
namespace {

constexpr std::uint64_t kPieceAsked = 1 << 20;
constexpr unsigned kMostAhead = 8;

}  // namespace

InOrderReader::InOrderReader(std::shared_ptr<const Disk> disk)
    : disk_(std::move(disk)), queue_(disk_->queue()) {}

void InOrderReader::ask_ahead() {
  const std::size_t most = std::clamp(disk_->traits().requests_in_flight, 1U, kMostAhead);
  while (pieces_.size() < most && asked_ < disk_->size()) {
    const std::uint64_t length = std::min(kPieceAsked, disk_->size() - asked_);
    pieces_.push_back({.tag = asked_, .bytes = std::vector<std::byte>(length)});
    queue_->submit(GuestOffset(asked_), pieces_.back().bytes, asked_);
    asked_ += length;
  }
}

// The one that is next, when it has come.
InOrderReader::Piece& InOrderReader::front() {
  while (!pieces_.front().has_come) {
    std::ranges::find(pieces_, queue_->wait(), &Piece::tag)->has_come = true;
  }
  return pieces_.front();
}

std::size_t InOrderReader::read(std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    ask_ahead();
    if (pieces_.empty()) break;
    Piece& piece = front();
    const std::size_t n = std::min(buffer.size() - filled, piece.bytes.size() - piece.used);
    std::copy_n(piece.bytes.begin() + static_cast<std::ptrdiff_t>(piece.used), n,
                buffer.begin() + static_cast<std::ptrdiff_t>(filled));
    piece.used += n;
    filled += n;
    if (piece.used == piece.bytes.size()) pieces_.pop_front();
  }
  return filled;
}

}  // namespace qcow2stream

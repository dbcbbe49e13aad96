// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/early_bytes.h"

#include <algorithm>
#include <utility>

namespace qcow2stream {

EarlyBytes::EarlyBytes(std::uint64_t memory, std::optional<std::string> directory)
    : memory_(memory), directory_(std::move(directory)) {}

bool EarlyBytes::keep(HostOffset at, std::span<const std::byte> bytes) {
  Piece piece{.length = bytes.size(), .memory = nullptr};
  if (bytes.size() <= memory_ - std::min(memory_, in_memory_)) {
    piece.memory = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    in_memory_ += bytes.size();
  } else if (directory_) {
    if (!file_) file_.emplace(*directory_);
    piece.offset = file_end_;
    file_->write(file_end_, bytes);
    file_end_ += bytes.size();
    // Zeros at its end were not written.
    file_->resize(file_end_);
  } else {
    return false;
  }
  size_ += bytes.size();
  most_ = std::max(most_, size_);
  pieces_.emplace(at, std::move(piece));
  return true;
}

bool EarlyBytes::has_all(HostRange range) const {
  auto piece = pieces_.upper_bound(range.begin);
  if (piece == pieces_.begin()) return false;
  --piece;
  HostOffset at = range.begin;
  for (; piece != pieces_.end() && piece->first <= at; ++piece) {
    const HostOffset end = piece->first + piece->second.length;
    if (end <= at) return false;
    at = end;
    if (at >= range.end()) return true;
  }
  return false;
}

// Makes two pieces of the one with the byte at `at` in it.
void EarlyBytes::split_at(HostOffset at) {
  auto piece = pieces_.upper_bound(at);
  if (piece == pieces_.begin()) return;
  --piece;
  const std::uint64_t front = at - piece->first;
  if (front == 0 || front >= piece->second.length) return;
  Piece rest = piece->second;
  rest.length -= front;
  rest.offset += front;
  piece->second.length = front;
  pieces_.emplace(at, std::move(rest));
}

std::optional<std::vector<std::byte>> EarlyBytes::take(HostRange range) {
  if (!has_all(range)) return std::nullopt;
  split_at(range.begin);
  split_at(range.end());
  std::vector<std::byte> bytes(range.length);
  std::span<std::byte> rest = bytes;
  auto piece = pieces_.find(range.begin);
  while (!rest.empty()) {
    const Piece& from = piece->second;
    const auto out = rest.first(from.length);
    if (from.memory != nullptr) {
      std::ranges::copy(std::span(*from.memory).subspan(from.offset, from.length), out.begin());
      if (from.memory.use_count() == 1) in_memory_ -= from.memory->size();
    } else {
      file_->read(from.offset, out);
    }
    size_ -= from.length;
    rest = rest.subspan(from.length);
    piece = pieces_.erase(piece);
  }
  return bytes;
}

void EarlyBytes::forget_all() {
  pieces_.clear();
  file_.reset();
  file_end_ = 0;
  in_memory_ = 0;
  size_ = 0;
}

}  // namespace qcow2stream

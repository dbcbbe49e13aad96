// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/early_bytes.h"

#include <algorithm>
#include <iterator>
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

void EarlyBytes::read(const Piece& piece, std::uint64_t skipped, std::span<std::byte> out) const {
  const std::uint64_t offset = piece.offset + skipped;
  if (piece.memory == nullptr) return file_->read(offset, out);
  std::ranges::copy(std::span(*piece.memory).subspan(offset, out.size()), out.begin());
}

std::optional<std::vector<std::byte>> EarlyBytes::copy(HostRange range) const {
  if (!has_all(range)) return std::nullopt;
  std::vector<std::byte> bytes(range.length);
  std::span<std::byte> rest = bytes;
  for (auto piece = std::prev(pieces_.upper_bound(range.begin)); !rest.empty(); ++piece) {
    const HostOffset at = range.begin + (bytes.size() - rest.size());
    const std::uint64_t skipped = at - piece->first;
    const std::uint64_t n = std::min<std::uint64_t>(rest.size(), piece->second.length - skipped);
    read(piece->second, skipped, rest.first(n));
    rest = rest.subspan(n);
  }
  return bytes;
}

std::optional<std::vector<std::byte>> EarlyBytes::take(HostRange range) {
  auto bytes = copy(range);
  if (!bytes) return bytes;
  split_at(range.begin);
  split_at(range.end());
  auto piece = pieces_.find(range.begin);
  while (piece != pieces_.end() && piece->first < range.end()) {
    const Piece& taken = piece->second;
    if (taken.memory != nullptr && taken.memory.use_count() == 1) {
      in_memory_ -= taken.memory->size();
    }
    size_ -= taken.length;
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

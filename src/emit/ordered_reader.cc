// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/ordered_reader.h"

#include <algorithm>

namespace qcow2stream {
namespace {

// The ring: 64 requests of 256 KiB are 16 MiB, half a second of a slow disk and little memory.
constexpr std::size_t kSlots = 64;

// Fewer where a slot may have to take a large compressed cluster: as much memory, but enough to
// keep the threads at work.
constexpr std::size_t kMinSlots = 16;
constexpr std::uint32_t kLargeCluster = 256 << 10;

// More threads than this do not read faster on the machines that this was measured on.
constexpr unsigned kMaxThreads = 4;

std::size_t slot_count(const Image& image) {
  const bool large = image.options().compression && image.options().cluster_size > kLargeCluster;
  return large ? kMinSlots : kSlots;
}

unsigned thread_count(const Image& image, unsigned wanted) {
  if (image.options().compression) {
    return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
  }
  return std::clamp(image.disk().traits().queues, 1U, kMaxThreads);
}

}  // namespace

OrderedReader::OrderedReader(const Image& image, HostRange range, unsigned threads)
    : image_(image),
      request_size_(image.disk().traits().request_size),
      segments_(image.segments(range)),
      slots_(slot_count(image)) {
  threads = thread_count(image, threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { read_pieces(); });
}

OrderedReader::~OrderedReader() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

std::span<const std::byte> OrderedReader::next() {
  std::unique_lock lock(mutex_);
  if (holding_) {
    holding_ = false;
    slot(turn_ - 1).ready = false;
    changed_.notify_all();  // a slot is free again
  }
  changed_.wait(
      lock, [this] { return error_ || (at_end_ && turn_ == next_ticket_) || slot(turn_).ready; });
  if (error_) std::rethrow_exception(error_);
  if (at_end_ && turn_ == next_ticket_) return {};
  holding_ = true;
  const Slot& ready = slot(turn_++);
  return std::span(ready.buffer).first(ready.length);
}

// The next piece, if there is one and a slot for it. With `wait` it waits for the slot; nothing
// then means that there is no more to do.
std::optional<OrderedReader::Piece> OrderedReader::take_piece(bool wait) {
  std::unique_lock lock(mutex_);
  const auto slot_free = [this] {
    return next_ticket_ - turn_ + (holding_ ? 1 : 0) < slots_.size();
  };
  if (wait) changed_.wait(lock, [&] { return stopping_ || error_ || at_end_ || slot_free(); });
  if (stopping_ || error_ || at_end_ || !slot_free()) return std::nullopt;
  if (rest_.range.length == 0) {
    const auto segment = segments_.next();
    if (!segment) {
      at_end_ = true;
      changed_.notify_all();
      return std::nullopt;
    }
    rest_ = *segment;
  }
  Piece piece{.ticket = next_ticket_++, .segment = rest_};
  Slot& target = slot(piece.ticket);
  // To cut through a compressed cluster is to compress it twice.
  const bool whole = rest_.kind == Segment::Kind::kCompressed;
  const std::uint64_t n = whole ? rest_.range.length : std::min(rest_.range.length, request_size_);
  piece.segment.range.length = n;
  if (target.buffer.size() < n) target.buffer.resize(std::max(n, request_size_));
  target.length = n;
  rest_.disk_offset += n;
  rest_.range = {rest_.range.begin + n, rest_.range.length - n};
  return piece;
}

void OrderedReader::finish(std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  slot(ticket).ready = true;
  if (ticket == turn_) changed_.notify_all();
}

void OrderedReader::read_pieces() {
  try {
    const unsigned depth = std::max(1U, image_.disk().traits().requests_in_flight);
    const auto queue = image_.disk().queue();
    unsigned in_flight = 0;
    for (;;) {
      while (in_flight < depth) {
        const auto piece = take_piece(in_flight == 0);
        if (!piece) break;
        const auto out = std::span(slot(piece->ticket).buffer).first(piece->segment.range.length);
        if (piece->segment.kind == Segment::Kind::kDisk) {
          queue->submit(piece->segment.disk_offset, out, piece->ticket);
          ++in_flight;
        } else {
          image_.read(piece->segment.range.begin, out);
          finish(piece->ticket);
        }
      }
      if (in_flight == 0) return;
      finish(queue->wait());
      --in_flight;
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    changed_.notify_all();
  }
}

}  // namespace qcow2stream
